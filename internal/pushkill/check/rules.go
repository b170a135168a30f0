package check

import (
	"slices"
	"time"
)

// grain is how exact the times are that push notes.
const grain = time.Millisecond

// mustNot says why a device must not be shown a message; empty: it may.
func (j *judging) mustNot(m *Message, user, device string) string {
	p, held := j.People[user], m.At.Add(j.Hold)
	called := slices.Contains(m.Mentions, user)
	for _, r := range j.reads[m.Session+" "+user] {
		if r.UpTo >= m.Seq && r.Acked.Before(held) {
			return "it was read " + r.Acked.Sub(m.At).Round(time.Millisecond).String() + " after, before the hold ended"
		}
	}
	looks := p.On != "" && !p.Away
	switch {
	case !m.RevokeAcked.IsZero() && m.RevokeAcked.Before(held):
		return "it was revoked before the hold ended"
	case p.Muted[m.Session] && !called:
		return "they muted the session"
	case p.Wants == None:
		return "they want none"
	case p.Wants == Mentions && !called && !m.Direct:
		return "they want mentions only"
	case looks && !p.Others:
		return "they look at a device"
	case looks && p.On == device:
		return "they look at this device"
	}
	return ""
}

// wrong says why what push says of a device is not right; empty: it is.
func (j *judging) wrong(m *Message, at matter, phone Phone, e *Entry) string {
	p, when := j.People[at.user], e.Settled
	if when.IsZero() {
		when = e.Decided
	}
	when = when.Add(grain)
	called, looks := slices.Contains(m.Mentions, at.user), p.On != "" && !p.Away
	switch e.Reason {
	case "delivered":
		return unless(len(j.came[phone][at.is]) > 0, "nothing came")
	case "read":
		return unless(slices.ContainsFunc(j.reads[m.Session+" "+at.user], func(r Read) bool { return r.UpTo >= m.Seq && r.Asked.Before(when) }), "they had not read it")
	case "revoked":
		return unless(!m.RevokeAsked.IsZero() && m.RevokeAsked.Before(when), "nobody had revoked it")
	case "muted":
		return unless(p.Muted[m.Session] && !called, "they had not muted it, or it calls them")
	case "wants_none":
		return unless(p.Wants == None, "they do")
	case "mentions_only":
		return unless(p.Wants == Mentions && !called && !m.Direct, "that is not so, or it calls them")
	case "user_active":
		return unless(looks && !p.Others, "they look at none, or want the others told")
	case "device_active":
		return unless(e.Device != "" && looks && p.On == e.Device, "they do not look at it")
	case "superseded":
		later := func(c Came) bool { return c.Seq > m.Seq && c.At.Before(when) }
		return unless(e.Device != "" && slices.ContainsFunc(j.newest[phone][m.Session], later), "no later one had come")
	}
	return "that is no reason"
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}
