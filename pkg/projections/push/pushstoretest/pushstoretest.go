// Package pushstoretest is the conformance suite of push.Store: every implementation passes all of it.
package pushstoretest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// Run runs the suite; open gives an empty store each time.
func Run(t *testing.T, open func(t *testing.T) push.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, push.Store)
	}{
		{"what was decided first stands", testDecide}, {"one alone decides", testRace}, {"entries are replaced", testPut}, {"what is open of what was ahead", testOpen}, {"what is settled stays", testLate},
		{"what phones show", testPhones}, {"numbers that cross", testNumbers}, {"the log of a user", testLog}, {"many phones", testMany}, {"nothing asked", testNothing},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func now() events.Millis { return events.Millis(time.Now().UnixMilli()) }

func entry(u events.UserID, id string, at events.Millis) push.Entry {
	return push.Entry{ID: id, User: u, At: at, Device: "phone", Session: "g_1", Seq: 7, Kind: push.Message, Reason: push.Sending, Decided: at + 1, Service: "fcm", Package: "app"}
}

func decide(t *testing.T, s push.Store, entries ...push.Entry) []*push.Entry {
	t.Helper()
	before, err := s.Decide(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	if len(before) != len(entries) {
		t.Fatalf("%d answers to %d entries", len(before), len(entries))
	}
	return before
}

func settle(t *testing.T, s push.Store, settled ...push.Settled) {
	t.Helper()
	if _, err := s.Settle(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
}

func testDecide(t *testing.T, s push.Store) {
	at := now()
	a, b := entry("ann", "1", at), entry("bob", "1", at)
	a.Attempts, a.Repeats, a.Code, a.VendorID, a.Settled = 3, 1, "429", "v\x00é", at+9
	if got := decide(t, s, a, b); got[0] != nil || got[1] != nil {
		t.Errorf("new ones were there: %v", got)
	}
	other := a
	other.Reason = push.WasRead
	got := decide(t, s, other, entry("ann", "2", at), b)
	if got[0] == nil || !reflect.DeepEqual(*got[0], a) || got[1] != nil || got[2] == nil || !reflect.DeepEqual(*got[2], b) {
		t.Errorf("got %v", got)
	}
}

func testRace(t *testing.T, s push.Store) {
	at := now()
	const callers, entries = 8, 50
	var won [entries]atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			var mine []push.Entry
			for i := range entries {
				mine = append(mine, entry(events.UserID(fmt.Sprint("u", i%7)), fmt.Sprint(i), at))
			}
			before, err := s.Decide(t.Context(), mine)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range before {
				if before[i] == nil {
					won[i].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("entry %d was decided by %d", i, n)
		}
	}
}

func testPut(t *testing.T, s push.Store) {
	e := entry("ann", "1", now())
	decide(t, s, e)
	e.Attempts = 2
	if err := s.Put(t.Context(), []push.Entry{e}, nil); err != nil {
		t.Fatal(err)
	}
	if got := decide(t, s, e); !reflect.DeepEqual(*got[0], e) {
		t.Errorf("got %v", *got[0])
	}
	e.Reason, e.VendorID = push.Brought, "v"
	settle(t, s, push.Settled{Entry: e, Badge: -1})
	if got := decide(t, s, e); !reflect.DeepEqual(*got[0], e) {
		t.Errorf("got %v", *got[0])
	}
}

// testLate: a process that was cut off may write when another one has come to the end.
func testLate(t *testing.T, s push.Store) {
	open := entry("ann", "1", now())
	decide(t, s, open)
	expired, brought := open, open
	expired.Reason, brought.Reason = push.Expired, push.Brought
	for _, step := range []struct {
		write, stands push.Entry
	}{{expired, expired}, {open, expired}, {brought, brought}, {expired, brought}, {open, brought}} {
		settle(t, s, push.Settled{Entry: step.write, Badge: -1})
		if got := decide(t, s, open); got[0] == nil || !reflect.DeepEqual(*got[0], step.stands) {
			t.Errorf("%s was written, and it stands as %v", step.write.Reason, got[0])
		}
		if err := s.Put(t.Context(), []push.Entry{step.write}, nil); err != nil {
			t.Fatal(err)
		}
		if got := decide(t, s, open); !reflect.DeepEqual(*got[0], step.stands) {
			t.Errorf("%s was put, and it stands as %v", step.write.Reason, *got[0])
		}
	}
}

func testOpen(t *testing.T, s push.Store) {
	at := now()
	about := push.Subject{Session: "g_1", Seq: 7, At: at}
	is := func(when string, want ...string) {
		t.Helper()
		other := push.Subject{Session: "g_1", Seq: 8, At: at}
		open, err := s.Open(t.Context(), []push.Subject{other, about, {Session: "g_2", Seq: 7, At: at}})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, e := range open {
			if e.Session != about.Session || e.Seq != about.Seq || e.At != at {
				t.Errorf("%s: %+v is open", when, e)
			}
			got = append(got, string(e.User)+" "+e.ID)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %q are open, must %q", when, got, want)
		}
	}
	is("at first")
	ofUser := func(u events.UserID, ahead ...string) push.Entry {
		e := entry(u, "0", at)
		e.Reason, e.Device, e.Ahead = push.Brought, "", ahead
		return e
	}
	decide(t, s, ofUser("ann", "1", "2"), ofUser("bob", "1"))
	is("before they are put")
	decide(t, s, entry("ann", "1", at), entry("ann", "2", at), entry("bob", "1", at), entry("cid", "1", at))
	is("put", "ann 1", "ann 2", "bob 1")
	tried, done := entry("ann", "1", at), entry("ann", "2", at)
	tried.Attempts, done.Reason = 1, push.NoDevice
	settle(t, s, push.Settled{Entry: tried, Badge: -1}, push.Settled{Entry: done, Badge: -1})
	is("one is settled", "ann 1", "bob 1")
	if open, err := s.Open(t.Context(), []push.Subject{about}); err != nil || !slices.ContainsFunc(open, func(e push.Entry) bool { return reflect.DeepEqual(e, tried) }) {
		t.Errorf("%v, %v: they don't stand as they were put last", open, err)
	}
	decide(t, s, ofUser("cid", "1"), ofUser("ann", "1", "3"), entry("ann", "3", at))
	is("more are ahead", "ann 1", "ann 3", "bob 1", "cid 1")
}

func phone(t *testing.T, s push.Store, q push.Query) push.Phone {
	t.Helper()
	phones, err := s.Phones(t.Context(), []push.Query{{User: "nobody", Device: "d", Session: "g_1"}, q})
	if err != nil {
		t.Fatal(err)
	}
	if want := (push.Phone{Badge: -1}); !reflect.DeepEqual(phones[0], want) {
		t.Errorf("of nobody: %v", phones[0])
	}
	return phones[1]
}

func testPhones(t *testing.T, s push.Store) {
	at := now()
	q := push.Query{User: "ann", Device: "phone", Session: "g_1"}
	is := func(when string, shown *push.Shown, badge int) {
		t.Helper()
		if got := phone(t, s, q); got.Badge != badge || !reflect.DeepEqual(got.Shown, shown) {
			t.Errorf("%s: %+v, %+v", when, got, got.Shown)
		}
	}
	is("at first", nil, -1)
	one, two := &push.Shown{ID: "1", Seq: 7, At: at, Kind: push.Message, VendorID: "v1"}, &push.Shown{ID: "2", Seq: 9, At: at, Kind: push.Call}
	settle(t, s, push.Settled{Entry: entry("ann", "1", at), Shown: one, Badge: 3})
	is("shown", one, 3)
	settle(t, s, push.Settled{Entry: entry("ann", "2", at), Shown: two, Badge: -1})
	is("another in its place", two, 3)
	settle(t, s, push.Settled{Entry: entry("ann", "1", at), Shown: one, Badge: -1})
	is("an older one comes late", two, 3)
	other := entry("ann", "3", at)
	other.Session = "g_2"
	settle(t, s, push.Settled{Entry: other, Clear: 9, Badge: 0})
	is("another session's cleared", two, 0)
	other.Device, other.Session = "pad", "g_1"
	settle(t, s, push.Settled{Entry: other, Clear: 9, Badge: 5})
	is("another device's cleared", two, 0)
	settle(t, s, push.Settled{Entry: entry("ann", "4", at), Call: true, Clear: 9, Shown: one, Badge: -1})
	is("a call shown", two, 0)
	q.Call = true
	is("the call", one, 0)
	q.Call = false
	settle(t, s, push.Settled{Entry: entry("ann", "4", at), Clear: 8, Badge: 1})
	is("cleared below it", two, 1)
	settle(t, s, push.Settled{Entry: entry("ann", "4", at), Clear: 9, Badge: 1})
	is("cleared", nil, 1)
	settle(t, s, push.Settled{Entry: entry("ann", "5", at), Clear: 9, Shown: one, Badge: 2})
	is("cleared and shown", one, 2)
}

// testNumbers: from its mark on a number is not known, until the call that it was marked for has settled it, and nobody else's came between.
func testNumbers(t *testing.T, s push.Store) {
	at := now()
	q := push.Query{User: "ann", Device: "phone", Session: "g_1"}
	is := func(when string, want int) {
		t.Helper()
		if got := phone(t, s, q); got.Badge != want {
			t.Errorf("%s: %d, must %d", when, got.Badge, want)
		}
	}
	e, quiet := entry("ann", "1", at), entry("ann", "2", at)
	decide(t, s, e)
	mark := func(entries []push.Entry, by ...string) {
		t.Helper()
		var marks []push.Mark
		for _, m := range by {
			marks = append(marks, push.Mark{User: "ann", Device: "phone", By: m})
		}
		if err := s.Put(t.Context(), entries, append(marks, push.Mark{User: "bob", Device: "phone", By: "of-bob"})); err != nil {
			t.Fatal(err)
		}
	}
	set := func(when string, number int, by string, want bool) {
		t.Helper()
		contested, err := s.Settle(t.Context(), []push.Settled{{Entry: entry("cid", "1", at), Badge: -1}, {Entry: quiet, Badge: number, Mark: by}})
		if err != nil || len(contested) != 2 || contested[0] || contested[1] != want {
			t.Errorf("%s: contested %v, must %t; %v", when, contested, want, err)
		}
	}
	is("at first", -1)
	e.Attempts = 1
	mark([]push.Entry{e}, "a")
	is("marked", push.Unsure)
	if got := decide(t, s, e); got[0] == nil || got[0].Attempts != 1 {
		t.Errorf("with marks it is not put: %v", got[0])
	}
	set("alone", 3, "a", false)
	is("settled", 3)
	set("again, as if no answer had come", 3, "a", false)
	is("settled again", 3)
	mark(nil, "a")
	set("without a number", -1, "a", false)
	is("without a number", push.Unsure)
	mark(nil, "b")
	set("the one before", 4, "a", true)
	is("contested", push.Unsure)
	set("one before, too", 5, "c", true)
	set("the one after", 4, "b", false)
	is("both ended", push.Unsure)
	mark(nil, "a", "b")
	set("the second ends first", 4, "b", false)
	is("the second ended", 4)
	set("the first ends", 3, "a", true)
	is("the first ended", push.Unsure)
	mark(nil, "a")
	set("another one sets it without a call", 6, "", false)
	is("set without a call", 6)
	set("and a call ends", 7, "a", true)
	is("a call ended after", push.Unsure)
	mark(nil, "a", "")
	set("an app sets its own", 7, "a", true)
	set("what is said of nobody knows", push.Unsure, "", false)
	is("nobody knows", push.Unsure)
	mark(nil, "a", "b")
	set("the same number", 8, "b", false)
	set("the same number, by both", 8, "a", false)
	is("the same number", 8)
}

func testLog(t *testing.T, s push.Store) {
	at := now() - 1000 // well within the minute
	var want []push.Entry
	for i := range 30 {
		e := entry("ann", fmt.Sprintf("%02d", i), at-events.Millis(i)*60_000)
		decide(t, s, e, entry("bob", e.ID, at))
		if i >= 20 {
			e.Reason = push.Expired // nobody brings it any more
		}
		want = append([]push.Entry{e}, want...)
	}
	get := func(since events.Millis, limit int) []push.Entry {
		log, err := s.Log(t.Context(), "ann", since, limit)
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	if got := get(0, 1000); !reflect.DeepEqual(got, want) {
		t.Errorf("all: %v", got)
	}
	if got := get(0, 5); !reflect.DeepEqual(got, want[25:]) {
		t.Errorf("the newest: %v", got)
	}
	if got := get(at-5*60_000, 1000); !reflect.DeepEqual(got, want[24:]) {
		t.Errorf("since: %v", got)
	}
	if got, err := s.Log(t.Context(), "nobody", 0, 10); len(got) > 0 || err != nil {
		t.Error(got, err)
	}
}

func testMany(t *testing.T, s push.Store) {
	at := now()
	var all []push.Settled
	for i := range 1500 {
		e := entry("ann", fmt.Sprint(i), at)
		e.Session = events.SessionID(fmt.Sprint("g_", i))
		all = append(all, push.Settled{Entry: e, Shown: &push.Shown{ID: e.ID, Seq: 1, At: at + events.Millis(i)}, Badge: i})
	}
	for part := range 15 {
		settle(t, s, all[100*part:100*part+100]...)
	}
	got := phone(t, s, push.Query{User: "ann", Device: "phone", Session: "g_1499"})
	if got.Shown == nil || got.Shown.ID != "1499" || got.Badge != 1499 {
		t.Errorf("the newest is forgotten: %v", got)
	}
	// Numbers of devices that come and go put away nothing that is shown.
	for part := range 20 {
		var numbers []push.Settled
		for i := range 100 {
			e := entry("ann", fmt.Sprint(part, " ", i), at)
			e.Device = "device " + e.ID
			numbers = append(numbers, push.Settled{Entry: e, Badge: i})
		}
		settle(t, s, numbers...)
	}
	if got := phone(t, s, push.Query{User: "ann", Device: "phone", Session: "g_1450"}); got.Shown == nil {
		t.Error("what is shown is forgotten for numbers")
	}
}

func testNothing(t *testing.T, s push.Store) {
	decide(t, s)
	settle(t, s)
	if open, err := s.Open(t.Context(), nil); len(open) > 0 || err != nil {
		t.Error(open, err)
	}
	if phones, err := s.Phones(t.Context(), nil); len(phones) > 0 || err != nil {
		t.Error(phones, err)
	}
}
