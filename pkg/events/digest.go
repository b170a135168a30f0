package events

import (
	"crypto/sha256"
	"encoding/binary"
)

// DigestOf compares resends: two commands of one client id are the same if their
// digests are. It is over the operation and its arguments in a form of its own, so
// that it stays the same whatever becomes of the encoding. A sealed body goes in by
// its MAC, since two sealings of one text differ.
func DigestOf(op Op) Digest {
	d := digester(make([]byte, 0, 1024))
	d = d.str(op.Name())
	switch op := op.(type) {
	case Create:
		d = d.num(uint64(op.Kind), uint64(op.Base))
		d = d.members(op.Members)
		p := op.Policy
		d = d.num(uint64(p.RevokeWindow), uint64(p.OverrideWindow), uint64(p.History), uint64(p.MemberLimit),
			uint64(p.AddRole), uint64(p.WriteRole), uint64(p.Joining), uint64(p.ReceiptsLimit))
		d = d.str(op.Title)
		// What operations got later is digested only where it is set: digests of before stay.
		if p.InfoRole != 0 || p.PinRole != 0 || p.MentionAllRole != 0 {
			d = d.str("roles").num(uint64(p.InfoRole), uint64(p.PinRole), uint64(p.MentionAllRole))
		}
		if op.Text != "" {
			d = d.str("text").str(op.Text)
		}
	case Add:
		d = d.members(op.Members)
	case Remove:
		d = d.users(op.Users)
	case Send:
		d = d.body(op.Body)
		if !op.Refs.IsZero() {
			d = d.str("refs").num(uint64(op.Refs.ReplyTo), uint64(op.Refs.Thread), uint64(op.Refs.Priority), flag(op.Refs.MentionAll))
			d = d.users(op.Refs.Mentions)
		}
	case Override:
		d = d.num(uint64(op.Seq))
		d = d.body(op.Body)
	case Revoke:
		d = d.num(uint64(op.Seq))
	case Delete:
		d = d.num(uint64(op.Seq))
		if op.Reason != "" {
			d = d.str("reason").str(op.Reason)
		}
	case MarkRead:
		d = d.num(uint64(op.Seq))
	case Join:
		if op.Invite != (Hash{}) {
			d = d.str("invite").str(string(op.Invite[:]))
		}
	case SetInfo:
		d = d.info(&op.Info)
	case SetPolicy:
		d = d.policy(&op.Policy)
	case SetRole:
		d = d.str(string(op.User)).num(uint64(op.Role))
	case Mute:
		d = d.users(op.Users).num(uint64(op.Until))
	case Ask:
		d = d.str(op.Text)
	case Refuse:
		d = d.users(op.Users)
	case Invite:
		d = d.str(string(op.Code[:])).num(uint64(op.Expires), uint64(op.Uses))
	case Uninvite:
		d = d.str(string(op.Code[:]))
	case React:
		d = d.num(uint64(op.Seq), flag(op.Off)).str(op.Emoji)
	case Pin:
		d = d.num(uint64(op.Seq), flag(op.Off))
	case MarkDelivered:
		d = d.num(uint64(op.Seq))
	case Contact:
		d = d.num(uint64(op.Step)).str(op.Text)
	case Report:
		d = d.num(uint64(op.Seq)).str(op.Reason)
	case Hide:
		d = d.str(string(op.Session))
		for _, m := range op.Messages {
			d = d.num(uint64(m.Seq), uint64(m.Index))
		}
	case SetSession:
		d = d.str(string(op.Session)).settings(&op.Settings)
	case SetDevice:
		p := op.Push
		d = d.str(op.Device).num(flag(op.Off)).str(p.Service).str(p.Package).str(p.Token).str(p.AppVersion).str(p.Locale)
	case Audit:
		d = d.str(op.What).str(op.About).num(uint64(op.Seq)).str(op.Reason)
	case SetProfile:
		d = d.profile(&op.Profile)
	case SetPrivacy:
		p := op.Privacy
		d = d.num(uint64(p.LastSeen), uint64(p.AddMe), uint64(p.WriteFirst))
	case ForgetPush:
		d = d.str(op.Device).str(op.Token).num(uint64(op.Until)).str(op.Reason)
	case SetNotifications:
		n := op.Notifications
		d = d.num(uint64(n.Content), uint64(n.Messages), uint64(n.Active), uint64(n.PauseUntil), uint64(n.Rest.From), uint64(n.Rest.To)).str(n.Rest.Zone)
	case SignUp:
		d = d.str(op.Method)
	case SignIn:
		d = d.str(op.Login).str(op.Device).str(op.Kind).str(op.Client).num(uint64(op.Most))
	case SignOut:
		d = d.strs(op.Devices).strs(op.Logins).num(flag(op.All)).str(op.Except).str(op.Reason)
	case Ban:
		d = d.str(op.Reason)
	case Leave, Dismiss, CloseAccount, Unban:
	}
	sum := sha256.Sum256(d)
	return Digest(sum[:len(Digest{})])
}

// digester gathers what is digested. Hashing it at once costs no allocation for
// what most people say; this is done for every command.
type digester []byte

func (d digester) str(s string) digester { return appendPart(d, s) }

func (d digester) strs(all []string) digester {
	d = d.num(uint64(len(all)))
	for _, s := range all {
		d = d.str(s)
	}
	return d
}

func (d digester) num(ns ...uint64) digester {
	for _, n := range ns {
		d = binary.BigEndian.AppendUint64(d, n)
	}
	return d
}

func (d digester) members(ms []NewMember) digester {
	d = d.num(uint64(len(ms)))
	for _, m := range ms {
		d = d.str(string(m.User)).num(uint64(m.Role))
	}
	return d
}

func (d digester) body(b Body) digester {
	if b.Sealed != nil {
		return d.str("mac").str(string(b.MAC))
	}
	return d.content(b.Plain)
}

func (d digester) content(c Content) digester {
	switch c := c.(type) {
	case Text:
		return d.str("text").str(string(c))
	case Media:
		d = d.str("media").num(uint64(c.Kind), c.Bytes, uint64(c.Width), uint64(c.Height), uint64(c.Duration))
		return d.str(c.URL).str(c.Name).str(c.MIMEType).str(string(c.Preview)).str(c.Caption)
	case Location:
		return d.str("location").num(uint64(int64(c.LatitudeE7)), uint64(int64(c.LongitudeE7))).str(c.Name).str(c.Address)
	case Card:
		return d.str("card").str(string(c.User)).str(string(c.Session)).str(c.Name).str(c.Avatar)
	case Forward:
		d = d.str("forward").str(c.Title).num(uint64(len(c.Messages)))
		for _, m := range c.Messages {
			d = d.str(string(m.User)).str(m.Name).num(uint64(m.Time)).content(m.Content)
		}
		return d
	case Custom:
		return d.str("custom").str(c.Type).str(c.JSON)
	case nil:
	}
	return d.str("nothing")
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (d digester) users(users []UserID) digester {
	d = d.num(uint64(len(users)))
	for _, u := range users {
		d = d.str(string(u))
	}
	return d
}

// optional digests a value that may be left unset.
func optional[T any](d digester, v *T, digest func(digester, T) digester) digester {
	if v == nil {
		return d.num(0)
	}
	return digest(d.num(1), *v)
}

func (d digester) info(c *InfoChange) digester {
	for _, s := range []*string{c.Title, c.Avatar, c.Notice, c.Description} {
		d = optional(d, s, digester.str)
	}
	for _, f := range c.Custom {
		d = d.str(f.Name).str(f.Value)
	}
	return d
}

func (d digester) profile(c *ProfileChange) digester {
	for _, s := range []*string{c.Name, c.Avatar, c.Status} {
		d = optional(d, s, digester.str)
	}
	for _, f := range c.Custom {
		d = d.str(f.Name).str(f.Value)
	}
	return d
}

func millis(d digester, m Millis) digester { return d.num(uint64(m)) }

func truth(d digester, b bool) digester { return d.num(flag(b)) }

func (d digester) policy(c *PolicyChange) digester {
	d = optional(d, c.RevokeWindow, millis)
	d = optional(d, c.OverrideWindow, millis)
	d = optional(d, c.ReceiptsLimit, func(d digester, n uint32) digester { return d.num(uint64(n)) })
	return d.num(uint64(c.History), uint64(c.MemberLimit), uint64(c.AddRole), uint64(c.WriteRole), uint64(c.Joining),
		uint64(c.InfoRole), uint64(c.PinRole), uint64(c.MentionAllRole))
}

func (d digester) settings(c *SettingsChange) digester {
	d = optional(d, c.MuteUntil, millis)
	d = optional(d, c.Pinned, truth)
	d = optional(d, c.Hidden, truth)
	d = optional(d, c.Draft, digester.str)
	return optional(d, c.Unread, truth)
}
