package session

import (
	"crypto/sha256"
	"strings"
	"testing"

	"annal/pkg/events"
)

// BenchmarkSend is the rules' part of a send of 300 bytes: naming rows twice (the
// second time finds all loaded), deciding, evolving. The sequencer is to do 20,000/s
// with 4 µs of CPU each. Loading, encoding and hashing are not in it.
func BenchmarkSend(b *testing.B) {
	s := &script{world: newWorld(), labels: map[string]events.SessionID{}}
	if _, err := s.line("u1 create group G u2"); err != nil {
		b.Fatal(err)
	}
	c := events.Command{
		Session: s.labels["G"], Actor: events.Actor{User: "u1"}, ClientID: "0123456789abcdef",
		Op: events.Send{Body: events.TextBody(strings.Repeat("x", 300))},
	}
	at := s.world.next()
	rows := NewLoaded(s.world.table(c.Session))
	if err := rows.Load(&c, at); err != nil {
		b.Fatal(err)
	}
	hash := events.Hash(sha256.Sum256(nil))
	b.ReportAllocs()
	for b.Loop() {
		Needs(rows, &c, at)
		Needs(rows, &c, at)
		o := Decide(rows, &c, at)
		if len(Evolve(rows, &o, hash)) != 4 {
			b.Fatal("a send writes message, member, client id and head")
		}
	}
}
