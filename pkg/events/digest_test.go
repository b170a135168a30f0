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
		"add":               "4e6bf7dc1b368ea12f8eb4981f140c41",
		"ask":               "870f2137c703bbe139208241e4b241fa",
		"ban":               "df4372ba1fac49f119380151607c80d9",
		"sign_in":           "c292218743fb77c1adb779c52bc9bbc6",
		"sign_out":          "be71c68ef2c6178f99f915f3bd7d73f8",
		"sign_up":           "425529cf655c65b2ab723c2f3120800d",
		"unban":             "4ebeb313c86e3f693cd20574b4fde6ca",
		"audit":             "62da5609d8c5865d2475180f1b4d0b19",
		"close_account":     "c8c7cf3515f0e4b9c5cffb0378fe7784",
		"contact":           "cc7f4baf417534a360c0d5c9c60dad01",
		"create":            "045720636682de6660d0cac831b7187c",
		"delete":            "4cfa3e4fd6a64a05ae7e2a2d2bd7ffc0",
		"dismiss":           "1257e66195bb3d3888a4f35943d4b966",
		"hide":              "5da98a75b531f0b3546bac5da9aa13aa",
		"invite":            "d7103217be6065a0958b058e66e087f8",
		"join":              "faa9aab8b72fe3f4c59a47d39c8a35b1",
		"leave":             "69d1d92ce887dc169877fa7f82577a3c",
		"mark_delivered":    "327c34f0f39e4d6d757fbcae60749d83",
		"mark_read":         "49f25e526c88642c3d56f46ca745a317",
		"mute":              "3826938d33ea017a2b7c99dfd0df4824",
		"override":          "5e5ef5c99a593d3988bed37a2a06170d",
		"pin":               "2e14f7db95f8dc97a32efbc3bccfc27b",
		"react":             "66e863a05c7fc498ddb6e70ff912f3e8",
		"refuse":            "a803a95421dc55340198e38216d8f726",
		"remove":            "b4eeaa86fc493d2fb929f1740cfd6848",
		"report":            "7ff042f3a2c2aac5286aec4a578a9a74",
		"revoke":            "ef38cffb09f99ad1e6e595ca9f80d23b",
		"send":              "c132fdc091fc0f9d242ecd6f6a5fe10c",
		"set_device":        "58a333025d8eb75c2d46361e77be67d4",
		"set_info":          "290262018f6577f89a80ca2d0a713f90",
		"set_policy":        "cb850360649c846b8f29c6f11bbb4b57",
		"forget_push":       "22fcffe500eb149f15b8f304ac386405",
		"set_notifications": "60ec084f394e8c3172352de0cb440ba5",
		"set_privacy":       "2bd3c66c78d6132658f0aefe25804d06",
		"set_profile":       "527ebe512e4e8357d37764269f207d78",
		"set_role":          "e89cdc1a8ba1f1ce7e5687dc8e5ad8db",
		"set_session":       "818781a45ae115153c759b8fae11cdb8",
		"uninvite":          "adddeebc64237594bd8d9ea288d84e79",
	}
	for name, op := range sampleOps() {
		d := events.DigestOf(op)
		if got := hex.EncodeToString(d[:]); got != want[name] {
			t.Errorf("%q: %q, was %q", name, got, want[name])
		}
	}
}

// What a message refers to, and any kind of content, makes another command of it.
func TestDigestsDiffer(t *testing.T) {
	ops := map[string]events.Op{
		"text": events.Send{Body: events.TextBody("hello")}, "refs": events.Send{Body: events.TextBody("hello"), Refs: sampleRefs},
		"reason": events.Delete{Seq: 1, Reason: "spam"}, "no reason": events.Delete{Seq: 1},
		"invite": events.Join{Invite: events.Hash{1}}, "no invite": events.Join{},
		"unset": events.SetSession{Session: "g"}, "false": events.SetSession{Session: "g", Settings: events.SettingsChange{Pinned: new(false)}},
		"empty": events.SetInfo{Info: events.InfoChange{Title: new("")}}, "other field": events.SetInfo{Info: events.InfoChange{Avatar: new("")}},
	}
	for name, c := range sampleContents() {
		ops["content "+name] = events.Send{Body: events.Body{Plain: c}}
	}
	had := map[events.Digest]string{}
	for name, op := range ops {
		d := events.DigestOf(op)
		if other, ok := had[d]; ok {
			t.Errorf("%q and %q have one digest", name, other)
		}
		had[d] = name
	}
}
