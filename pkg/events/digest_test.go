package events_test

import (
	"encoding/hex"
	"testing"

	"annal/pkg/events"
)

// Digests stand in the log and in rows for ever: a resend after an upgrade must
// have the same as the first.
func TestDigestsStay(t *testing.T) {
	want := map[string]string{
		"add":       "4e6bf7dc1b368ea12f8eb4981f140c41",
		"create":    "045720636682de6660d0cac831b7187c",
		"delete":    "4cfa3e4fd6a64a05ae7e2a2d2bd7ffc0",
		"join":      "faa9aab8b72fe3f4c59a47d39c8a35b1",
		"leave":     "69d1d92ce887dc169877fa7f82577a3c",
		"mark_read": "49f25e526c88642c3d56f46ca745a317",
		"override":  "5e5ef5c99a593d3988bed37a2a06170d",
		"remove":    "b4eeaa86fc493d2fb929f1740cfd6848",
		"revoke":    "ef38cffb09f99ad1e6e595ca9f80d23b",
		"send":      "c132fdc091fc0f9d242ecd6f6a5fe10c",
	}
	for name, op := range sampleOps() {
		d := events.DigestOf(op)
		if got := hex.EncodeToString(d[:]); got != want[name] {
			t.Errorf("%q: %q, was %q", name, got, want[name])
		}
	}
}
