package sequencer_test

import (
	"annal/pkg/events"
	"annal/pkg/session"
)

// toyRules are the smallest rules that touch every kind of row access: rows read,
// written and removed, ranges, client ids, the chain. Two picky values other than 0
// decide some sends differently, as two versions of a program may.
type toyRules struct{ picky uint64 }

func (toyRules) Needs(_ session.Rows, c *events.Command, _ session.At) []session.Need {
	needs := []session.Need{{Key: events.HeadKey}, {Key: events.ClientIDKey(c.Actor.User, c.ClientID)}, {Key: events.MemberKey(c.Actor.User)}}
	if _, ok := c.Op.(events.Leave); ok {
		needs = append(needs, session.Need{Key: events.StandingPrefix(events.RoleMember), First: 2})
	}
	return needs
}

func (r toyRules) Decide(rows session.Rows, c *events.Command, at session.At) events.Outcome {
	o := events.Outcome{
		ID: at.ID, Session: c.Session, Actor: c.Actor, ClientID: c.ClientID, Digest: events.DigestOf(c.Op),
		Client: c.Client, ReplyTo: c.ReplyTo, Time: at.Time,
	}
	head, created := head(rows)
	o.PrevHash = head.Hash
	reject := func(code events.Code) events.Result { return events.Rejected{Code: code, Command: c} }
	if row, ok := rows.Get(events.ClientIDKey(c.Actor.User, c.ClientID)); ok {
		was := row.(events.ClientID)
		o.Result = events.Answered{Code: events.CodeDuplicate, Earlier: events.Earlier{Code: was.Code, Seq: was.Seq, ID: was.ID}}
		if was.Digest != o.Digest {
			o.Result = reject(events.CodeClientIDConflict)
		}
		return o
	}
	member, in := rows.Get(events.MemberKey(c.Actor.User))
	in = in && member.(events.Member).In()
	accept := func(e events.Event) events.Result { return events.Accepted{Seq: head.Seq + 1, Event: e} }
	switch c.Op.(type) {
	case events.Create:
		o.Result = accept(events.Created{})
		if created {
			o.Result = events.Answered{Code: events.CodeSessionExists}
		}
	case events.Send:
		o.Result = accept(events.Sent{Index: head.Index + 1, Body: c.Op.(events.Send).Body})
		if r.picky != 0 && (uint64(head.Seq)+uint64(at.Time))%(1+r.picky) == 0 {
			o.Result = reject(events.CodeNotAllowed)
		}
	case events.Join:
		o.Result = accept(events.Joined{})
		if in {
			o.Result = events.Answered{Code: events.CodeAlreadyMember}
		}
	case events.Leave:
		left := events.Left{}
		for _, k := range rows.First(events.StandingPrefix(events.RoleMember), 2) {
			if u := events.StandingUser(k); u != c.Actor.User {
				left.Promoted = u
				break
			}
		}
		o.Result = accept(left)
		if !in {
			o.Result = events.Answered{Code: events.CodeAlreadyOut}
		}
	case events.Add, events.Remove, events.Revoke, events.Override, events.Delete, events.MarkRead,
		events.SetInfo, events.SetPolicy, events.SetRole, events.Mute, events.Dismiss, events.Ask, events.Refuse, events.Invite,
		events.Uninvite, events.React, events.Pin, events.MarkDelivered, events.Contact, events.Report, events.Hide, events.SetSession,
		events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.CloseAccount, events.Audit, events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
		o.Result = reject(events.CodeInvalidArgument)
	}
	if _, ok := c.Op.(events.Create); !ok && !created {
		o.Result = reject(events.CodeNoSuchSession)
	}
	return o
}

func head(rows session.Rows) (events.Head, bool) {
	row, ok := rows.Get(events.HeadKey)
	if !ok {
		return events.Head{}, false
	}
	return row.(events.Head), true
}

func (toyRules) Malformed(rows session.Rows, s events.SessionID, at session.At, _ string) events.Outcome {
	h, _ := head(rows)
	return events.Outcome{ID: at.ID, Session: s, Time: at.Time, PrevHash: h.Hash}
}

func (toyRules) EvolveNeeds(_ session.Rows, o *events.Outcome) []session.Need {
	return []session.Need{{Key: events.HeadKey}, {Key: events.MemberKey(o.Actor.User)}}
}

func (toyRules) Evolve(rows session.Rows, o *events.Outcome, stored events.Hash) []events.Write {
	h, created := head(rows)
	accepted, ok := o.Result.(events.Accepted)
	if !ok && !created {
		return nil
	}
	h.Hash = stored
	var writes []events.Write
	id := events.ClientID{Digest: o.Digest, ID: o.ID, Time: o.Time}
	if r, ok := o.Result.(events.Rejected); ok {
		id.Code = r.Code
	}
	if ok {
		h.Seq, id.Seq = accepted.Seq, accepted.Seq
		me := events.MemberKey(o.Actor.User)
		switch e := accepted.Event.(type) {
		case events.Sent:
			h.Index = e.Index
			writes = append(writes, events.Write{Key: events.MessageKey(accepted.Seq), Row: events.Message{Index: e.Index, ID: o.ID}})
		case events.Joined:
			row, _ := rows.Get(me)
			m, _ := row.(events.Member)
			m.Role = events.RoleMember
			m.Stays = append(append([]events.Stay{}, m.Stays...), events.Stay{From: accepted.Seq})
			writes = append(writes, events.Write{Key: me, Row: m},
				events.Write{Key: events.StandingKey(m.Role, accepted.Seq, o.Actor.User), Row: events.Standing{}})
		case events.Left:
			row, _ := rows.Get(me)
			m := row.(events.Member)
			m.Stays = append([]events.Stay{}, m.Stays...)
			last := &m.Stays[len(m.Stays)-1]
			last.To = accepted.Seq
			writes = append(writes, events.Write{Key: me, Row: m},
				events.Write{Key: events.StandingKey(events.RoleMember, last.From, o.Actor.User)})
		case events.Created, events.Added, events.Removed, events.Revoked, events.Overridden, events.Deleted, events.Read,
			events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
			events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
			events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		}
	}
	if _, duplicate := o.Result.(events.Answered); !duplicate && o.ClientID != "" && id.Code != events.CodeClientIDConflict {
		writes = append(writes, events.Write{Key: events.ClientIDKey(o.Actor.User, o.ClientID), Row: id})
	}
	return append(writes, events.Write{Key: events.HeadKey, Row: h})
}
