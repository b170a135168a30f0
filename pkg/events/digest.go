package events

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// DigestOf compares resends: two commands of one client id are the same if their
// digests are. It is over the operation and its arguments in a form of its own, so
// that it stays the same whatever becomes of the encoding. A sealed body goes in by
// its MAC, since two sealings of one text differ.
func DigestOf(op Op) Digest {
	h := sha256.New()
	d := digester{h}
	d.str(op.Name())
	switch op := op.(type) {
	case Create:
		d.num(uint64(op.Kind), uint64(op.Base))
		d.members(op.Members)
		p := op.Policy
		d.num(uint64(p.RevokeWindow), uint64(p.OverrideWindow), uint64(p.History), uint64(p.MemberLimit),
			uint64(p.AddRole), uint64(p.WriteRole), uint64(p.Joining), uint64(p.ReceiptsLimit))
		d.str(op.Title)
	case Add:
		d.members(op.Members)
	case Remove:
		d.num(uint64(len(op.Users)))
		for _, u := range op.Users {
			d.str(string(u))
		}
	case Send:
		d.body(op.Body)
	case Override:
		d.num(uint64(op.Seq))
		d.body(op.Body)
	case Revoke:
		d.num(uint64(op.Seq))
	case Delete:
		d.num(uint64(op.Seq))
	case MarkRead:
		d.num(uint64(op.Seq))
	case Join, Leave:
	}
	return Digest(h.Sum(nil)[:len(Digest{})])
}

type digester struct{ h hash.Hash }

func (d digester) str(s string) { writePart(d.h, s) }

func (d digester) num(ns ...uint64) {
	for _, n := range ns {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		d.h.Write(b[:])
	}
}

func (d digester) members(ms []NewMember) {
	d.num(uint64(len(ms)))
	for _, m := range ms {
		d.str(string(m.User))
		d.num(uint64(m.Role))
	}
}

func (d digester) body(b Body) {
	if b.Sealed != nil {
		d.str("mac")
		d.str(string(b.MAC))
		return
	}
	switch content := b.Plain.(type) {
	case Text:
		d.str("text")
		d.str(string(content))
	case nil:
		d.str("nothing")
	}
}
