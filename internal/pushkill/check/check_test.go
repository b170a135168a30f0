package check

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

// sound is a world in which all is as it must be: off is offline and has two phones, on reads at once, looks looks at a laptop. There are three messages in a group: one that was
// brought, again to the second phone; one that was revoked at once; and one that came before the one before it was settled.
func sound() *World {
	off1, off2, on := Phone{"fcm", "off1"}, Phone{"apns", "off2"}, Phone{"fcm", "on"}
	all := []string{"off", "on", "looks"}
	w := &World{
		Hold: 2 * time.Second,
		People: map[string]*Person{
			"off":   {Phones: map[string]Phone{"1": off1, "2": off2}},
			"on":    {Phones: map[string]Phone{"1": on}, On: "laptop", Others: true},
			"looks": {Phones: map[string]Phone{"1": {"fcm", "looks"}}, On: "laptop"},
		},
		Messages: []Message{
			{Session: "g", Seq: 2, To: all, At: noon},
			{Session: "g", Seq: 3, To: all, At: noon, RevokeAsked: after(1), RevokeAcked: after(1.1)},
			{Session: "g", Seq: 4, To: all, At: noon},
		},
		Reads: []Read{{"on", "g", 4, after(0.1), after(0.2)}},
		Came: []Came{
			{off1, "n2", "g", "g", 2, after(2.1)}, {off2, "n2", "g", "g", 2, after(2.1)}, {off2, "n2", "g", "g", 2, after(2.2)}, {off1, "n4", "g", "g", 4, after(2.3)},
			{off2, "n4", "g", "g", 4, after(2.3)},
		},
	}
	add := func(user, device string, seq uint64, reason string) {
		w.Entries = append(w.Entries, Entry{
			User: user, Device: device, Session: "g", Seq: seq, Kind: "message", Reason: reason, At: noon, Decided: after(2), Settled: after(2.5), Attempts: 1,
		})
	}
	add("off", "1", 2, "delivered")
	add("off", "2", 2, "delivered")
	w.Entries[1].Repeats = 1
	add("off", "", 3, "revoked")
	add("off", "1", 4, "delivered")
	add("off", "2", 4, "delivered")
	for seq := range uint64(3) {
		add("on", "", 2+seq, "read")
		add("looks", "", 2+seq, "user_active")
	}
	return w
}

func TestSoundWorld(t *testing.T) {
	v := sound().Judge()
	if !v.OK() || v.Pairs != 9 || v.Decisions != 11 || v.Shown != 5 || v.Repeats != 1 || v.Unsure != 1 || v.Within(0.5) != 2500*time.Millisecond || v.Behind != 0 {
		t.Errorf("%+v", v)
	}
	total := 0
	for _, n := range v.Reasons {
		total += n
	}
	if total != v.Decisions {
		t.Errorf("reasons %v add up to %d, not %d", v.Reasons, total, v.Decisions)
	}
}

// Each fault is found, one a time. Places in entries: 0, 1 off of 2; 2 off of 3; 3, 4 off of 4; then on and looks of 2, on and looks of 3, …
func TestEachFaultIsFound(t *testing.T) {
	phone := Phone{"fcm", "off1"}
	came := func(w *World, c Came) { w.Came = append(w.Came, c) }
	for name, c := range map[string]struct {
		rule, says string
		plant      func(*World)
	}{
		"a repeat that nobody knows of": {Twice, "3 times", func(w *World) { came(w, Came{Phone{"apns", "off2"}, "n2", "g", "g", 2, after(3)}) }},
		"a repeat with another id":      {Twice, "two on the screen", func(w *World) { w.Came[2].ID, w.Came[2].Collapse = "other", "other" }},
		"told of what was read":         {Unwanted, "it was read 200ms after", func(w *World) { came(w, Came{Phone{"fcm", "on"}, "n2", "g", "g", 2, after(2.1)}) }},
		"told of what was revoked":      {Unwanted, "revoked before", func(w *World) { came(w, Came{phone, "n3", "g", "g", 3, after(2.1)}) }},
		"told who looks":                {Unwanted, "look at a device", func(w *World) { came(w, Came{Phone{"fcm", "looks"}, "n2", "g", "g", 2, after(2.1)}) }},
		"told where they look":          {Unwanted, "look at this", func(w *World) { w.People["off"].On, w.People["off"].Others = "1", true }},
		"told of what is muted":         {Unwanted, "muted", func(w *World) { w.People["off"].Muted = map[string]bool{"g": true} }},
		"told who wants none":           {Unwanted, "want none", func(w *World) { w.People["off"].Wants = None }},
		"told who wants mentions":       {Unwanted, "mentions only", func(w *World) { w.People["off"].Wants = Mentions }},
		"told of another's":             {Unwanted, "not theirs", func(w *World) { w.Messages[0].To = []string{"on", "looks"} }},
		"nothing came":                  {Lost, "nothing came", func(w *World) { w.Came = w.Came[1:] }},
		"nothing is said":               {Lost, "nothing is said", func(w *World) { w.Came, w.Entries = w.Came[1:], w.Entries[1:] }},
		"read, and was not":             {Lost, "had not read", func(w *World) { w.Reads = nil }},
		"read, and was later":           {Lost, "had not read", func(w *World) { w.Reads[0].Asked, w.Reads[0].Acked = after(3), after(3) }},
		"revoked, and was not":          {Lost, "nobody had revoked", func(w *World) { w.Messages[1].RevokeAsked, w.Messages[1].RevokeAcked = time.Time{}, time.Time{} }},
		"muted, and was not":            {Lost, "had not muted", func(w *World) { w.Entries[2].Reason = "muted" }},
		"wants none, and wants all":     {Lost, "they do", func(w *World) { w.Entries[2].Reason = "wants_none" }},
		"wants mentions, and wants all": {Lost, "that is not so", func(w *World) { w.Entries[2].Reason = "mentions_only" }},
		"active, and is not":            {Lost, "look at none", func(w *World) { w.People["looks"].Away = true }},
		"active there, and is not":      {Lost, "do not look at it", func(w *World) { w.Entries[0].Reason = "device_active" }},
		"superseded, and nothing was":   {Lost, "no later one", func(w *World) { w.Entries[3].Reason = "superseded" }},
		"a reason that is none":         {Lost, "no reason", func(w *World) { w.Entries[0].Reason = "overload" }},
		"open at the end":               {Sums, "open at the end", func(w *World) { w.Entries[0].Reason = "sending" }},
		"a badge open at the end":       {Sums, "open at the end", func(w *World) { w.Entries = append(w.Entries, Entry{User: "off", Kind: "badge", Reason: "sending"}) }},
		"an entry of one device is not": {Sums, `entries of ["2"]`, func(w *World) { w.Entries = w.Entries[1:] }},
		"an entry of user and device": {Sums, `["" "1" "2"]`, func(w *World) {
			w.Entries = append(w.Entries, Entry{User: "off", Session: "g", Seq: 2, Kind: "message", Reason: "read"})
		}},
		"an entry twice": {Sums, `["" ""]`, func(w *World) { w.Entries = append(w.Entries, w.Entries[2]) }},
		"an entry of nobody's": {Sums, "not theirs", func(w *World) {
			w.Entries = append(w.Entries, Entry{User: "eve", Session: "g", Seq: 2, Kind: "message", Reason: "read"})
		}},
		"came, and the log says it didn't": {Sums, "it came, and push says read", func(w *World) { w.Entries[0].Reason, w.Entries[0].Attempts = "read", 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := sound()
			c.plant(w)
			v := w.Judge()
			if v.Count(c.rule) == 0 || !strings.Contains(strings.Join(v.Lines(), "\n"), c.says) {
				t.Errorf("found:\n%s\nwant of %q one that says %q", strings.Join(v.Lines(), "\n"), c.rule, c.says)
			}
		})
	}
}

// A superseded one is right where a later one had come.
func TestSuperseded(t *testing.T) {
	w := sound()
	w.Entries[0].Reason, w.Came = "superseded", w.Came[1:]
	if v := w.Judge(); !v.OK() {
		t.Error(v.Lines())
	}
}
