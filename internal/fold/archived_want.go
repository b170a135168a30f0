package fold

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// want is what the archive must say of an outcome.
func (oc *outcome) want() archive.Outcome {
	w := archive.Outcome{
		Partition: oc.partition, Offset: uint64(oc.offset), Kind: archive.KindUnreadable, Command: uint64(oc.stamp.Command), Owner: oc.stamp.Owner.String(),
		Hash: sha256.Sum256(oc.value), Bytes: string(oc.value),
	}
	o, err := events.DecodeOutcomeValue(oc.value)
	if err != nil {
		return w
	}
	w.ID, w.Actor, w.Service, w.ClientID, w.Time, w.Origin, w.PrevHash = o.ID, o.Actor.User, o.Actor.Service, o.ClientID, o.Time, sayable(o.Origin), o.PrevHash
	w.Device, w.ClientVersion, w.Address = o.Client.Device, o.Client.Version, o.Client.Address.Plain
	switch r := o.Result.(type) {
	case events.Accepted:
		w.Kind, w.Event, w.Seq = archive.KindAccepted, r.Event.Name(), r.Seq
		w.Index, w.Target, w.People = about(&o, r.Event)
		w.Detail = detailOf(r.Event)
	case events.Rejected:
		w.Kind, w.Code, w.Detail, w.Target = archive.KindRejected, r.Code, r.Detail, r.Seq
		if r.Command != nil && r.Command.Op != nil {
			w.Event = r.Command.Op.Name()
		}
		for _, s := range r.Skipped {
			w.People = append(w.People, string(s.User))
		}
	case events.Answered:
		w.Kind, w.Code, w.Target = archive.KindAnswered, r.Code, r.Earlier.Seq
	}
	return w
}

// detailOf is what an event's row says besides of an audit, of logins, and of why a token was forgotten.
func detailOf(e events.Event) string {
	if e, ok := e.(events.Audited); ok {
		return e.What + ": " + e.Reason
	}
	if e, ok := e.(events.SignedUp); ok {
		return e.Method
	}
	if e, ok := e.(events.SignedIn); ok {
		return e.Kind
	}
	if e, ok := e.(events.SignedOut); ok {
		return e.Reason
	}
	if e, ok := e.(events.Banned); ok {
		return e.Reason
	}
	if e, ok := e.(events.PushForgotten); ok {
		return e.Reason
	}
	return ""
}

// about is what an event is about: its index as a message, another event, and people.
func about(o *events.Outcome, e events.Event) (index events.Index, target events.Seq, people []string) {
	var users []events.UserID
	switch e := e.(type) {
	case events.Sent:
		index = e.Index
	case events.Revoked:
		target = e.Target
	case events.Deleted:
		target = e.Target
	case events.Overridden:
		target = e.Target
	case events.Reacted:
		target = e.Target
	case events.Pinned:
		target = e.Target
	case events.Reported:
		target = e.Target
	case events.Audited:
		target = e.Seq
	case events.Read:
		target = e.Marker
	case events.Delivered:
		target = e.Marker
	case events.Created:
		users = names(e.Members)
	case events.Added:
		users = names(e.Members)
	case events.Joined:
		users = []events.UserID{o.Actor.User}
	case events.Removed:
		users = e.Users
	case events.RoleSet:
		users = []events.UserID{e.User}
	case events.Muted:
		users = e.Users
	case events.Refused:
		users = e.Users
	case events.Left, events.InfoSet, events.PolicySet, events.Dismissed, events.Asked, events.Invited, events.Uninvited, events.ContactChanged,
		events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	for _, u := range users {
		people = append(people, string(u))
	}
	return index, target, people
}

// wantMessage is what the archive must say of a message.
func (s *Session) wantMessage(seq events.Seq) archive.MessageNow {
	m := s.Messages[seq]
	w := archive.MessageNow{
		Seq: seq, Index: m.Index, Versions: uint64(1 + m.overrides), Revoked: m.State.Revoked != 0, RevokedBy: m.revoked.by, RevokedAt: m.revoked.at,
		Deleted: m.State.Deleted != 0, DeletedBy: m.deleted.by, DeletedAt: m.deleted.at, Reason: m.deleted.reason, OverriddenAt: m.overridden.at,
		Pinned: slices.Contains(s.Facts.Pins, seq), Reactions: map[string]uint64{}, Reports: uint64(len(m.reporters)), Refs: m.refs,
	}
	w.Refs.Mentions = slices.Compact(slices.Sorted(slices.Values(m.refs.Mentions)))
	o, err := events.DecodeOutcomeValue(s.Timeline[seq])
	accepted, _ := o.Result.(events.Accepted)
	sent, ok := accepted.Event.(events.Sent)
	if err != nil || !ok {
		return w // the log itself is at fault, and that was told
	}
	body := sent.Body
	if m.State.Overridden != 0 {
		body = m.State.Body
	}
	w.ID, w.Time, w.Origin, w.Sender, w.Service, w.Device, w.ClientVersion = o.ID, o.Time, sayable(o.Origin), o.Actor.User, o.Actor.Service, o.Client.Device, o.Client.Version
	w.Kind = bodyKind(body)
	if w.Revoked || w.Deleted {
		return w
	}
	w.Text = plain(body)
	for emoji, users := range m.reactions {
		w.Reactions[emoji] = uint64(len(users))
	}
	return w
}

// plain is what there is to read in a body.
func plain(b events.Body) string {
	for _, text := range readings(b.Plain) {
		if text != "" {
			return text
		}
	}
	return ""
}

func readings(c events.Content) []string {
	switch c := c.(type) {
	case events.Text:
		return []string{string(c)}
	case events.Media:
		return []string{c.Caption, c.Name}
	case events.Location:
		return []string{c.Name, c.Address}
	case events.Card:
		return []string{c.Name, string(c.User), string(c.Session)}
	case events.Forward:
		return []string{c.Title}
	case events.Custom:
		return []string{c.JSON}
	case nil:
	}
	return nil
}

// bodyKind names a body's kind.
func bodyKind(b events.Body) string {
	switch c := b.Plain.(type) {
	case events.Text:
		return "text"
	case events.Media:
		kinds := map[events.MediaKind]string{events.MediaImage: "image", events.MediaFile: "file", events.MediaAudio: "audio", events.MediaVideo: "video"}
		if name := kinds[c.Kind]; name != "" {
			return name
		}
		return "media"
	case events.Location:
		return "location"
	case events.Card:
		return "card"
	case events.Forward:
		return "forward"
	case events.Custom:
		return "custom"
	case nil:
	}
	return "sealed"
}

func (s *Session) wantSession() archive.SessionNow {
	w := archive.SessionNow{
		Session: s.ID, Title: s.Head.Title, Notice: s.Facts.Info.Notice, Avatar: s.Facts.Info.Avatar, Description: s.Facts.Info.Description, Policy: policyText(s.Head.Policy),
		Creator: s.rest.creator, CreatedAt: s.rest.createdAt, Closed: s.Head.Closed, ClosedAt: s.rest.closedAt, Base: s.Head.Base, Head: s.Head.Seq,
		Messages: s.Head.Index, LastAt: s.Head.Time, LastMessageAt: s.rest.messageAt, Custom: map[string]string{},
	}
	for _, f := range s.Facts.Info.Custom {
		w.Custom[f.Name] = f.Value
	}
	w.Profile, w.Privacy = profileText(s.Facts.Own.Profile), privacyText(s.Facts.Own.Privacy)
	return w
}

func (s *Session) wantContact(a, b events.UserID) archive.ContactNow {
	w := archive.ContactNow{
		A: a, B: b, State: s.Head.Contact, AskedBy: s.Head.ContactBy, ABlocks: s.Members[a].Blocks, BBlocks: s.Members[b].Blocks, Since: s.rest.since,
	}
	if s.Head.Contact == events.ContactAsked {
		w.AskedWith = s.rest.asked
	}
	return w
}

func roleName(r events.Role) string {
	name := map[events.Role]string{0: "none", events.RoleMember: "member", events.RoleAdmin: "admin", events.RoleOwner: "owner"}[r]
	if name == "" {
		return "unknown"
	}
	return name
}

// profileText is a profile as JSON, as canonical gives it; empty for one that says nothing.
func profileText(p events.Profile) string {
	custom := map[string]string{}
	for _, f := range p.Custom {
		custom[f.Name] = f.Value
	}
	if p.Name == "" && p.Avatar == "" && p.Status == "" && len(custom) == 0 {
		return ""
	}
	return jsonText(map[string]any{"name": p.Name, "avatar": p.Avatar, "status": p.Status, "custom": custom})
}

// privacyText is a privacy as JSON, as canonical gives it; empty for one that was never set.
func privacyText(p events.Privacy) string {
	if p == (events.Privacy{}) {
		return ""
	}
	names := map[events.Audience]string{events.AudienceEveryone: "everyone", events.AudienceContacts: "contacts", events.AudienceNobody: "nobody"}
	return jsonText(map[string]any{"last_seen": names[p.LastSeen], "add_me": names[p.AddMe], "write_first": names[p.WriteFirst]})
}

func jsonText(fields map[string]any) string {
	text, err := json.Marshal(fields)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// policyText is a policy as JSON, as canonical gives it. A role that is not set is admin's.
func policyText(p events.Policy) string {
	role := func(r events.Role) string {
		if r == 0 {
			r = events.RoleAdmin
		}
		return roleName(r)
	}
	text, err := json.Marshal(map[string]any{
		"revoke_window_ms": p.RevokeWindow, "override_window_ms": p.OverrideWindow, "member_limit": p.MemberLimit, "receipts_limit": p.ReceiptsLimit,
		"history":  map[events.History]string{events.HistoryStay: "stay", events.HistoryAll: "all"}[p.History],
		"joining":  map[events.Joining]string{events.JoiningClosed: "closed", events.JoiningOpen: "open", events.JoiningApproval: "approval"}[p.Joining],
		"add_role": role(p.AddRole), "write_role": role(p.WriteRole), "info_role": role(p.InfoRole), "pin_role": role(p.PinRole), "mention_all_role": role(p.MentionAllRole),
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// canonical gives JSON with its fields in order; numbers keep their digits.
func canonical(text string) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return text, err
	}
	out, err := json.Marshal(fields)
	return string(out), err
}
