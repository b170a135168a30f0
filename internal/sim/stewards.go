package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/app"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
)

func openSteward(p *process, l *life) (func(context.Context) error, error) {
	view := planted[steward.View](p.w.plant.StewardView, app.StewardView{View: newNetView(l.link, p.w.hot), Store: netHot{l.link, p.w.hot}})
	logger := p.w.logger.With("process", l.name)
	handler := planted[follow.Handler](p.w.plant.Handler, steward.New(planted(p.w.plant.StewardLog, l.whole(p)), view, l.name, logger, prometheus.NewRegistry()))
	f, err := follow.New(context.Background(), follow.Options{
		Log: l.whole(p), Group: steward.Group, Role: "steward", Instance: p.name, Handler: handler, CommitEvery: time.Second,
		Logger: logger, Metrics: follow.NewMetrics(prometheus.NewRegistry(), "steward"),
	})
	if err != nil {
		return nil, err
	}
	return f.Run, nil
}

// closeAccount has a client close its account, once at most. The lock is held.
func (c *client) closeAccount() {
	c.closes = true
	c.want(events.NewSelfID(c.user), &clientv1.ClientFrame{Op: &clientv1.ClientFrame_CloseAccount{CloseAccount: &clientv1.CloseAccount{}}})
}

// servedNow has a service speak for the client from now on: nobody gets in as the user of a closed account, and what they still
// want to know is to come to rest all the same. The lock is held.
func (c *client) servedNow() {
	if !c.closes {
		c.w.violate("%s is told that their account is closed", c.user)
	}
	token, err := auth.Issue(signing, auth.Identity{User: c.user, Service: "sim", Expires: c.w.began.Add(24 * time.Hour)}, c.w.began)
	if err != nil {
		c.w.violate("no token for %s: %v", c.user, err)
		return
	}
	c.token = token
}

// unstewarded is the first thing that a closed account has left to be done, or that was done to one that isn't closed.
func unstewarded(sessions map[events.SessionID]*fold.Session) string {
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		if s.Head.Kind == events.KindSelf {
			continue
		}
		in, owners := 0, 0
		for _, u := range slices.Sorted(maps.Keys(s.Members)) {
			if !s.Members[u].In() {
				continue
			}
			in++
			if s.Members[u].Role == events.RoleOwner {
				owners++
			}
			switch self := sessions[events.NewSelfID(u)]; {
			case self == nil || !self.Head.Closed:
			case s.Head.Kind == events.KindDirect && s.Head.Contact == events.NoContacts,
				s.Head.Kind == events.KindDirect && s.Head.Contact == events.ContactAsked && s.Head.ContactBy != u:
			default:
				return fmt.Sprintf("the account of %s is closed, who is in %s", u, id)
			}
		}
		if in == 0 && !s.Head.Closed {
			return fmt.Sprintf("nobody is in %s, which is open", id)
		}
		if s.Head.Kind != events.KindDirect && !s.Head.Closed && owners != 1 {
			return fmt.Sprintf("%s is open and has %d owners", id, owners)
		}
		for _, seq := range slices.Sorted(maps.Keys(s.Timeline)) {
			o, err := events.DecodeOutcomeValue(s.Timeline[seq])
			if err != nil || o.Actor.Service != steward.Service {
				continue
			}
			if self := sessions[events.NewSelfID(o.Actor.User)]; self == nil || !self.Head.Closed {
				return fmt.Sprintf("%s was let out of %s at %d without having closed the account", o.Actor.User, id, seq)
			}
		}
	}
	return ""
}

// followUps are what stewards asked for, to be held against what there was to ask for: however often a steward is
// killed, or hears no answer, it asks once for each time that somebody was let in.
type followUps map[followedUp]*asked

// followedUp is somebody in a session.
type followedUp struct {
	session events.SessionID
	user    events.UserID
}

// asked is what came of a person there.
type asked struct {
	// occasions are how often they were let in, became contacts by what they did, or registered a device.
	occasions int
	// ids are the client ids of the stewards' commands.
	ids map[string]bool
}

func (f followUps) of(s events.SessionID, u events.UserID) *asked {
	p := followedUp{s, u}
	if f[p] == nil {
		f[p] = &asked{ids: map[string]bool{}}
	}
	return f[p]
}

// take takes the next outcome of a session, and says when it is one too many.
func (f followUps) take(o *events.Outcome) string {
	user := o.Actor.User
	if o.Actor.Service == steward.Service {
		a := f.of(o.Session, user)
		a.ids[o.ClientID] = true
		if len(a.ids) > a.occasions {
			return fmt.Sprintf("%s was let in, or registered a device, %d times in %s, and stewards asked %d times for the end of it", user, a.occasions, o.Session, len(a.ids))
		}
	}
	accepted, _ := o.Result.(events.Accepted)
	switch e := accepted.Event.(type) {
	case events.Created:
		f.letIn(o.Session, e.Members)
	case events.Added:
		f.letIn(o.Session, e.Members)
	case events.Joined:
		f.of(o.Session, user).occasions++
	case events.ContactChanged:
		if e.Step == events.ContactAsk || e.Step == events.ContactAccept {
			f.of(o.Session, user).occasions++
		}
	case events.DeviceSet:
		f.of(o.Session, user).occasions++
	case events.AccountClosed, events.Audited, events.Asked, events.Deleted, events.Delivered, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed, events.Hidden,
		events.InfoSet, events.Invited, events.Left, events.Muted, events.Overridden, events.Pinned, events.PolicySet, events.Reacted,
		events.Read, events.Refused, events.Removed, events.Reported, events.Revoked, events.RoleSet, events.Sent, events.SessionSet,
		events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return ""
}

func (f followUps) letIn(s events.SessionID, members []events.NewMember) {
	for _, m := range members {
		f.of(s, m.User).occasions++
	}
}
