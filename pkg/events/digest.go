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
	case Add:
		d = d.members(op.Members)
	case Remove:
		d = d.num(uint64(len(op.Users)))
		for _, u := range op.Users {
			d = d.str(string(u))
		}
	case Send:
		d = d.body(op.Body)
	case Override:
		d = d.num(uint64(op.Seq))
		d = d.body(op.Body)
	case Revoke:
		d = d.num(uint64(op.Seq))
	case Delete:
		d = d.num(uint64(op.Seq))
	case MarkRead:
		d = d.num(uint64(op.Seq))
	case Join, Leave:
	}
	sum := sha256.Sum256(d)
	return Digest(sum[:len(Digest{})])
}

// digester gathers what is digested. Hashing it at once costs no allocation for
// what most people say; this is done for every command.
type digester []byte

func (d digester) str(s string) digester { return appendPart(d, s) }

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
	switch content := b.Plain.(type) {
	case Text:
		return d.str("text").str(string(content))
	case nil:
	}
	return d.str("nothing")
}
