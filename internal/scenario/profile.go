package scenario

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/hot"
)

var audiences = map[string]logv1.Audience{
	"everyone": logv1.Audience_AUDIENCE_EVERYONE, "contacts": logv1.Audience_AUDIENCE_CONTACTS, "nobody": logv1.Audience_AUDIENCE_NOBODY,
}

// profileOp makes an operation about what others are told of a person, and let do.
func profileOp(s *Step) (client.Op, error) {
	switch s.Verb {
	case "set_profile":
		c := &logv1.ProfileChange{}
		for _, key := range slices.Sorted(maps.Keys(s.Options)) {
			v := s.Options[key]
			switch field, custom := strings.CutPrefix(key, "field."); {
			case custom:
				c.Custom = append(c.Custom, &logv1.CustomField{Name: field, Value: v})
			case key == "name":
				c.Name = &v
			case key == "avatar":
				c.Avatar = &v
			case key == "status":
				c.Status = &v
			}
		}
		return client.SetProfile{Profile: c}, nil
	case "set_privacy":
		p := &logv1.Privacy{}
		for key, to := range map[string]*logv1.Audience{"last_seen": &p.LastSeen, "add_me": &p.AddMe, "write_first": &p.WriteFirst} {
			word, ok := s.Options[key]
			if !ok {
				continue
			}
			a, err := enum(word, audiences)
			if err != nil {
				return nil, err
			}
			*to = a
		}
		return client.SetPrivacy{Privacy: p}, nil
	}
	return client.CloseAccount{}, nil
}

// profile compares what somebody is told that a person says of themselves.
func (r *run) profile(ctx context.Context, s *Step, who Who) error {
	keys := slices.Sorted(maps.Keys(s.Options))
	op := &clientv1.Profiles{Users: []string{r.names.user(s.Args[0])}}
	return r.eventually(ctx, s, pairs(keys, s.Options), func(ctx context.Context) (string, error) {
		m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Profiles{Profiles: op}})
		if err != nil || m.GetError() != nil {
			return m.GetError().GetCode(), err
		}
		if len(m.GetProfiles().GetProfiles()) != 1 {
			return "no profile", nil
		}
		p := m.GetProfiles().GetProfiles()[0].GetProfile()
		got := map[string]string{"name": p.GetName(), "avatar": p.GetAvatar(), "status": p.GetStatus()}
		for _, f := range p.GetCustom() {
			got["field."+f.GetName()] = f.GetValue()
		}
		return pairs(keys, got), nil
	})
}

var _ gateway.People = (*Rules)(nil)

// Own implements gateway.People.
func (w *Rules) Own(_ context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	own := map[events.UserID]hot.Own{}
	for _, u := range users {
		if s := w.folded[events.NewSelfID(u)]; s != nil {
			own[u] = s.Facts.Own
		}
	}
	return own, nil
}

// Contacts implements gateway.People.
func (w *Rules) Contacts(_ context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error) {
	contacts := map[events.UserID]bool{}
	for _, other := range users {
		if s := w.folded[events.NewDirectID(u, other)]; s != nil && s.Head.Seq > 0 {
			contacts[other] = s.Head.Contact == events.Contacts && s.Head.Blocks == 0
		}
	}
	return contacts, nil
}

// Members implements gateway.People.
func (w *Rules) Members(_ context.Context, id events.SessionID, after events.UserID, limit int) (all []hot.MemberEntry, err error) {
	s := w.folded[id]
	if s == nil || s.Head.Seq == 0 {
		return nil, hot.ErrNoSession
	}
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		if m := s.Members[u]; m.In() && u > after && len(all) < limit {
			all = append(all, hot.MemberEntry{User: u, Member: *m})
		}
	}
	return all, nil
}

// profiles are what users say of themselves.
func (w *Rules) profiles(ctx context.Context, op *clientv1.Profiles) (*clientv1.ServerFrame, error) {
	users := make([]events.UserID, len(op.GetUsers()))
	for i, u := range op.GetUsers() {
		users[i] = events.UserID(u)
	}
	own, err := w.Own(ctx, users)
	if err != nil {
		return nil, errors.Join(errNoAnswer, err)
	}
	page := &clientv1.ProfilesPage{}
	for _, u := range users {
		p := own[u].Profile
		m := &logv1.Profile{Name: p.Name, Avatar: p.Avatar, Status: p.Status}
		for _, f := range p.Custom {
			m.Custom = append(m.Custom, &logv1.CustomField{Name: f.Name, Value: f.Value})
		}
		page.Profiles = append(page.Profiles, &clientv1.UserProfile{User: string(u), Profile: m})
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Profiles{Profiles: page}}, nil
}
