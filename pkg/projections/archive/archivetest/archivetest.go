// Package archivetest is the conformance suite of archive.Store with archive.View: whatever engine is behind them, rows come together
// as package archive says.
package archivetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// Archive is what is tested.
type Archive interface {
	archive.Store
	archive.View
	archive.Timelines
	archive.Searches
	archive.Past
}

// Run runs the suite; fresh gives an empty archive.
func Run(t *testing.T, fresh func(t *testing.T) Archive) {
	for name, test := range map[string]func(*testing.T, Archive){
		"a story":                    testStory,
		"any order, any company":     testAnyOrder,
		"every number and character": testExtremes,
		"read again":                 testReadAgain,
		"contacts":                   testContacts,
		"progress":                   testProgress,
		"pages":                      testPages,
		"timeline":                   testTimeline,
		"missing":                    testMissing,
		"unknown fate":               testUnknownFate,
		"search":                     testSearch,
		"the past":                   testPast,
		"profiles":                   testProfiles,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// story tells outcomes of a session as a sequencer would write them.
type story struct {
	session  events.SessionID
	offset   int64
	seq      events.Seq
	index    events.Index
	prev     events.Hash
	time     events.Millis
	outcomes []follow.Outcome
}

const start = events.Millis(1_773_000_000_123)

func newStory(s events.SessionID, base events.Seq) *story {
	return &story{session: s, seq: base, time: start}
}

// tell adds an outcome; events that have a seq get the next one.
func (s *story) tell(u events.UserID, result events.Result) events.Seq {
	s.time += 1001
	o := events.Outcome{
		ID: events.NewID(s.time, "test", 0, s.offset), Session: s.session, Actor: events.Actor{User: u}, ClientID: fmt.Sprint("c", s.offset),
		Client: events.ClientContext{Device: "phone", Version: "1.2", Address: events.Address{Plain: "192.0.2.7"}}, Time: s.time, PrevHash: s.prev, Result: result,
	}
	stamp := events.Stamp{Owner: events.Owner{N: 1, Random: [16]byte{7}}, Command: s.offset, Prev: s.offset - 1}
	rec, err := events.EncodeOutcome(o, stamp, events.Envelope{Source: "test"})
	if err != nil {
		panic(err)
	}
	s.offset++
	s.outcomes = append(s.outcomes, follow.Outcome{Outcome: o, Offset: s.offset, Stamp: stamp, Record: rec})
	return s.seq
}

func (s *story) event(u events.UserID, e events.Event) events.Seq {
	a := events.Accepted{Event: e}
	if sent, ok := e.(events.Sent); ok {
		s.index++
		sent.Index = s.index
		a.Event = sent
	}
	if !slices.Contains([]string{"read", "delivered", "reported"}, e.Name()) {
		s.seq++
		a.Seq = s.seq
	}
	return s.tell(u, a)
}

func (s *story) say(u events.UserID, text string) events.Seq {
	return s.event(u, events.Sent{Body: events.TextBody(text)})
}

func members(names ...events.UserID) []events.NewMember {
	all := make([]events.NewMember, len(names))
	for i, u := range names {
		all[i] = events.NewMember{User: u, Role: events.RoleMember}
	}
	all[0].Role = events.RoleOwner
	return all
}

var policy = events.Policy{
	RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10, AddRole: events.RoleMember, WriteRole: events.RoleMember,
	Joining: events.JoiningClosed, ReceiptsLimit: 100,
}

// group is a story with something of everything.
func group(id events.SessionID, base events.Seq) *story {
	s := newStory(id, base)
	s.event("ann", events.Created{Kind: events.KindGroup, Base: base, Policy: policy, Members: members("ann", "bob"), Title: "Tea"})
	first := s.say("ann", "Hello, \"world\"\n\x01 日本 \\ 'quoted'")
	second := s.say("bob", "second")
	third := s.say("bob", "third")
	s.event("ann", events.Added{Members: []events.NewMember{{User: "eve", Role: events.RoleMember}}})
	s.event("bob", events.Overridden{Target: second, TargetIndex: 2, Body: events.TextBody("second, better")})
	s.event("bob", events.Overridden{Target: second, TargetIndex: 2, Body: events.TextBody("second, best")})
	s.event("eve", events.Reacted{Target: first, TargetIndex: 1, Emoji: "👍"})
	s.event("bob", events.Reacted{Target: first, TargetIndex: 1, Emoji: "👍"})
	s.event("bob", events.Reacted{Target: first, TargetIndex: 1, Emoji: "❤ x"})
	s.event("bob", events.Reacted{Target: first, TargetIndex: 1, Emoji: "👍", Off: true})
	s.event("ann", events.Pinned{Target: first, TargetIndex: 1})
	s.event("ann", events.Pinned{Target: third, TargetIndex: 3})
	s.event("bob", events.Revoked{Target: third, TargetIndex: 3})
	s.event("eve", events.Read{Marker: second, MarkerIndex: 2})
	s.event("eve", events.Delivered{Marker: third, MarkerIndex: 3})
	s.event("eve", events.Reported{Target: second, TargetIndex: 2, Reason: "rude"})
	s.tell("mal", events.Rejected{Code: events.CodeNotAMember, Command: &events.Command{Session: id, Op: events.Send{Body: events.TextBody("let me in")}}})
	s.tell("bob", events.Answered{Code: events.CodeAlreadyRead, Earlier: events.Earlier{Seq: second}})
	fourth := s.event("eve", events.Sent{Body: events.TextBody("fourth"), Refs: events.Refs{
		ReplyTo: first, Thread: first, Mentions: []events.UserID{"bob", "ann"}, MentionAll: true, Priority: events.PriorityHigh,
	}})
	s.event("ann", events.Deleted{Target: fourth, TargetIndex: 4, Reason: "spam"})
	title, avatar := "Tea and cake", "https://media.example/1"
	s.event("ann", events.InfoSet{Info: events.InfoChange{Title: &title, Avatar: &avatar, Custom: []events.CustomField{{Name: "color", Value: "red"}, {Name: "size", Value: "big"}}}})
	s.event("ann", events.InfoSet{Info: events.InfoChange{Custom: []events.CustomField{{Name: "size", Value: ""}}}})
	s.event("ann", events.RoleSet{User: "bob", Role: events.RoleOwner, Demoted: "ann"})
	s.event("eve", events.Left{})
	s.event("ann", events.Added{Members: []events.NewMember{{User: "eve", Role: events.RoleMember}}})
	s.event("bob", events.Removed{Users: []events.UserID{"ann"}})
	s.event("bob", events.Dismissed{})
	return s
}

// state is all that a view shows of a session.
type state struct {
	Count    map[archive.Kind]uint64
	Outcomes []archive.Outcome
	Messages []archive.MessageNow
	Markers  []archive.MarkersNow
	Stays    []archive.Stay
	Members  []archive.MemberNow
	Sessions []archive.SessionNow
}

func look(t *testing.T, v archive.View, s events.SessionID) state {
	t.Helper()
	ctx := t.Context()
	var st state
	var errs [7]error
	st.Count, errs[0] = v.Count(ctx)
	st.Outcomes, errs[1] = v.Outcomes(ctx, s, -1, 1000)
	st.Messages, errs[2] = v.Messages(ctx, s, 0, 1000)
	st.Markers, errs[3] = v.Markers(ctx, s)
	st.Stays, errs[4] = v.Stays(ctx, s)
	st.Sessions, errs[5] = v.Sessions(ctx, "", 1000)
	st.Members, errs[6] = v.Members(ctx, s)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return st
}

func put(t *testing.T, a archive.Store, rows archive.Rows) {
	t.Helper()
	if err := a.Insert(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
}

// same compares by what it looks like, where nil and empty are one, and shows where they part.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%+q", fmt.Sprintf("%+v", got)), fmt.Sprintf("%+q", fmt.Sprintf("%+v", want))
	if g == w {
		return
	}
	part := 0
	for part < min(len(g), len(w)) && g[part] == w[part] {
		part++
	}
	around := func(s string) string { return s[max(0, min(part, len(s))-300):min(len(s), part+300)] }
	t.Errorf("%s:\ngot  …%s…\nwant …%s…", what, around(g), around(w))
}

func testStory(t *testing.T, a Archive) {
	s := group("g_tea", 0)
	put(t, a, archive.Plan(0, s.outcomes))
	st := look(t, a, "g_tea")
	same(t, "counts", st.Count, map[archive.Kind]uint64{archive.KindAccepted: uint64(len(s.outcomes) - 2), archive.KindRejected: 1, archive.KindAnswered: 1})
	if len(st.Outcomes) != len(s.outcomes) {
		t.Fatalf("%d outcomes, want %d", len(st.Outcomes), len(s.outcomes))
	}
	for i, o := range st.Outcomes {
		in := s.outcomes[i]
		if o.Offset != uint64(in.Offset) || o.Bytes != string(in.Record.Value) || o.PrevHash != in.PrevHash || o.Time != in.Time || o.Actor != in.Actor.User ||
			o.ID != in.ID || o.ClientID != in.ClientID || o.Device != "phone" || o.ClientVersion != "1.2" || o.Address != "192.0.2.7" || o.Command != uint64(in.Stamp.Command) ||
			o.Owner != in.Stamp.Owner.String() {
			t.Errorf("outcome %d is %+v, want %+v", i, o, in)
		}
	}
	if first := st.Outcomes[0]; !slices.Equal(first.People, []string{"ann", "bob"}) || st.Outcomes[1].Index != 1 || st.Outcomes[13].Target != 4 {
		t.Errorf("people of the first %q, index of the second %d, target of the revoke %d", first.People, st.Outcomes[1].Index, st.Outcomes[13].Target)
	}
	same(t, "the refusal", [3]any{st.Outcomes[17].Kind, st.Outcomes[17].Event, st.Outcomes[17].Code}, [3]any{archive.KindRejected, "send", events.CodeNotAMember})
	// Outcome 0 opens it, 1 to 3 and 19 are messages.
	at := func(i int) events.Millis { return s.outcomes[i].Time }
	sent := func(i int, m archive.MessageNow) archive.MessageNow {
		o := s.outcomes[i]
		m.ID, m.Time, m.Kind, m.Device, m.ClientVersion = o.ID, o.Time, "text", o.Client.Device, o.Client.Version
		return m
	}
	same(t, "messages", st.Messages, []archive.MessageNow{
		sent(1, archive.MessageNow{Seq: 2, Index: 1, Sender: "ann", Text: "Hello, \"world\"\n\x01 日本 \\ 'quoted'", Versions: 1, Pinned: true, Reactions: map[string]uint64{"👍": 1, "❤ x": 1}}),
		sent(2, archive.MessageNow{Seq: 3, Index: 2, Sender: "bob", Text: "second, best", Versions: 3, Reports: 1, Reactions: map[string]uint64{}, OverriddenAt: at(6)}),
		sent(3, archive.MessageNow{Seq: 4, Index: 3, Sender: "bob", Versions: 1, Revoked: true, RevokedBy: "bob", Reactions: map[string]uint64{}, RevokedAt: at(13)}),
		sent(19, archive.MessageNow{
			Seq: 15, Index: 4, Sender: "eve", Versions: 1, Deleted: true, DeletedBy: "ann", Reason: "spam", Reactions: map[string]uint64{}, DeletedAt: at(20),
			Refs: events.Refs{ReplyTo: 2, Thread: 2, Mentions: []events.UserID{"ann", "bob"}, MentionAll: true, Priority: events.PriorityHigh},
		}),
	})
	same(t, "markers", st.Markers, []archive.MarkersNow{
		{User: "ann", Read: 2, ReadAt: at(1)}, {User: "bob", Read: 4, ReadAt: at(3)}, {User: "eve", Read: 21, Delivered: 4, ReadAt: at(25), DeliveredAt: at(15)},
	})
	same(t, "stays", st.Stays, []archive.Stay{
		{User: "ann", From: 1, To: 22, Came: "created", Went: "removed", LetIn: "ann", FromTime: at(0), ToTime: at(26), LetOut: "bob"},
		{User: "bob", From: 1, Came: "created", LetIn: "ann", FromTime: at(0)},
		{User: "eve", From: 5, To: 20, Came: "added", Went: "left", LetIn: "ann", FromTime: at(4), ToTime: at(24), LetOut: "eve"},
		{User: "eve", From: 21, Came: "added", LetIn: "ann", FromTime: at(25)},
	})
	same(t, "members", st.Members, []archive.MemberNow{
		{User: "bob", Role: "owner", Since: 1, SinceTime: at(0)}, {User: "eve", Role: "member", Since: 21, SinceTime: at(25)},
	})
	if len(st.Sessions) != 1 {
		t.Fatalf("sessions: %+v", st.Sessions)
	}
	one, found, err := a.Session(t.Context(), "g_tea")
	if err != nil || !found {
		t.Errorf("the session alone: %t, %v", found, err)
	}
	same(t, "the session alone", one, st.Sessions[0])
	if !strings.Contains(st.Sessions[0].Policy, `"revoke_window_ms":120000`) {
		t.Errorf("the policy is %s", st.Sessions[0].Policy)
	}
	st.Sessions[0].Policy = ""
	same(t, "session", st.Sessions[0], archive.SessionNow{
		Session: "g_tea", Title: "Tea and cake", Creator: "ann", Closed: true, Head: 23, Messages: 4, Custom: map[string]string{"color": "red"},
		Avatar: "https://media.example/1", CreatedAt: at(0), ClosedAt: at(27), LastAt: at(27), LastMessageAt: at(19),
	})
	for part, want := range map[archive.Part]int{"events": 1, "messages": 1, "markers": 1, "stays": 1, "sessions": 1, "contacts": 0} {
		if keys, err := a.Keys(t.Context(), part, "", 10); err != nil || len(keys) != want {
			t.Errorf("keys of %s: %q %v, want %d", part, keys, err, want)
		}
	}
}

// testAnyOrder: whatever is inserted together, in whatever order and how often, comes to the same.
func testAnyOrder(t *testing.T, a Archive) {
	s := group("g_tea", 0)
	whole := archive.NewMemory()
	put(t, whole, archive.Plan(0, s.outcomes))
	want := look(t, whole, "g_tea")
	for seed := range uint64(3) {
		dice := rand.New(rand.NewPCG(seed, 1))
		outcomes := append(slices.Clone(s.outcomes), s.outcomes...)
		if seed > 0 {
			dice.Shuffle(len(outcomes), func(i, j int) { outcomes[i], outcomes[j] = outcomes[j], outcomes[i] })
		}
		for len(outcomes) > 0 {
			n := min(len(outcomes), 1+dice.IntN(9))
			put(t, a, archive.Plan(0, outcomes[:n]))
			outcomes = outcomes[n:]
		}
		same(t, fmt.Sprint("seed ", seed), look(t, a, "g_tea"), want)
	}
}

// testExtremes: the largest numbers, times at the edges and bytes that are no text.
func testExtremes(t *testing.T, a Archive) {
	const base = events.Seq(1<<63 - 100)
	s := group("g_huge", base)
	s.time = 1_772_953_198_998                             // 2026-03-08T06:59:58.998Z
	s.event("bob", events.RoleSet{User: "eve", Role: 200}) // of a newer program
	s.say("bob", strings.Repeat("x", 64<<10))
	last := &s.outcomes[len(s.outcomes)-1]
	last.Origin, last.Record.Value = 1, []byte{0xff, 0, 10, 10, 0xfe}
	put(t, a, archive.Plan(3, s.outcomes))
	st := look(t, a, "g_huge")
	got := st.Messages[len(st.Messages)-1]
	if got.Seq != base+25 || len(got.Text) != 64<<10 || got.Time != 1_772_953_201_000 || got.Origin != 1 {
		t.Errorf("the message is %d, %d bytes, at %d, said at %d", got.Seq, len(got.Text), got.Time, got.Origin)
	}
	out := st.Outcomes[len(st.Outcomes)-1]
	if out.Bytes != "\xff\x00\n\n\xfe" || out.Partition != 3 || out.Seq != base+25 {
		t.Errorf("the outcome is %+v", out)
	}
	if n := len(st.Messages[0].Reactions); st.Sessions[0].Base != base || n != 2 {
		t.Errorf("base %d, %d reactions", st.Sessions[0].Base, n)
	}
}

// testReadAgain: what could not be read takes its place once it can be.
func testReadAgain(t *testing.T, a Archive) {
	s := group("g_new", 0)
	older := slices.Clone(s.outcomes)
	for _, i := range []int{1, 12} {
		o := &older[i]
		*o = follow.Outcome{Outcome: events.Outcome{Session: s.session, Time: o.Time}, Err: context.Canceled, Offset: o.Offset, Stamp: o.Stamp, Record: o.Record}
	}
	put(t, a, archive.Plan(0, older))
	st := look(t, a, "g_new")
	if st.Count[archive.KindUnreadable] != 2 || len(st.Outcomes) != len(s.outcomes) || len(st.Messages) != 3 {
		t.Fatalf("%v outcomes, %d listed, %d messages; want 2 unreadable, %d, 3", st.Count, len(st.Outcomes), len(st.Messages), len(s.outcomes))
	}
	put(t, a, archive.Plan(0, []follow.Outcome{s.outcomes[12], s.outcomes[1]}))
	put(t, a, archive.Plan(0, older)) // an older program goes on
	whole := archive.NewMemory()
	put(t, whole, archive.Plan(0, s.outcomes))
	same(t, "read again", look(t, a, "g_new"), look(t, whole, "g_new"))
}

func testContacts(t *testing.T, a Archive) {
	s, since := newStory(events.NewDirectID("bob", "ann"), 0), events.Millis(0)
	check := func(what string, want archive.ContactNow) {
		t.Helper()
		if last := s.outcomes[len(s.outcomes)-1]; !strings.HasSuffix(what, "blocked") {
			since = last.Time
		}
		want.Since = since
		put(t, a, archive.Plan(0, s.outcomes[len(s.outcomes)-1:]))
		got, ok, err := a.Contact(t.Context(), s.session)
		if err != nil || !ok || got != want {
			t.Errorf("%s: %+v %t %v, want %+v", what, got, ok, err, want)
		}
	}
	if _, ok, err := a.Contact(t.Context(), s.session); ok || err != nil {
		t.Errorf("nothing: %t %v", ok, err)
	}
	step := func(u events.UserID, step events.ContactStep, state events.ContactState) {
		s.event(u, events.ContactChanged{Step: step, State: state})
	}
	s.event("bob", events.Created{Kind: events.KindDirect, Policy: policy, Members: members("bob", "ann"), Contact: events.ContactAsked, Text: "me"})
	check("asked", archive.ContactNow{A: "ann", B: "bob", State: events.ContactAsked, AskedBy: "bob", AskedWith: "me"})
	step("ann", events.ContactAccept, events.Contacts)
	check("accepted", archive.ContactNow{A: "ann", B: "bob", State: events.Contacts})
	step("ann", events.ContactBlock, events.Contacts)
	check("blocked", archive.ContactNow{A: "ann", B: "bob", State: events.Contacts, ABlocks: true})
	step("ann", events.ContactRemove, events.NoContacts)
	check("removed", archive.ContactNow{A: "ann", B: "bob", State: events.NoContacts, ABlocks: true})
	step("ann", events.ContactUnblock, events.NoContacts)
	check("unblocked", archive.ContactNow{A: "ann", B: "bob", State: events.NoContacts})
}

func testProgress(t *testing.T, a Archive) {
	put(t, a, archive.Rows{Progress: []archive.Progress{{Partition: 1, Archived: 5, LogEnd: 7, Time: start, At: start + 5}, {Partition: 0, Archived: 1, LogEnd: 1, At: start}}})
	put(t, a, archive.Rows{Progress: []archive.Progress{{Partition: 1, Archived: 4, LogEnd: 7, At: start}}})
	got, err := a.Progress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "progress", got, []archive.Progress{{Partition: 0, Archived: 1, LogEnd: 1, At: start}, {Partition: 1, Archived: 5, LogEnd: 7, Time: start, At: start + 5}})
}

// testPages: lists come in order and go on where they ended; sessions don't mix.
func testPages(t *testing.T, a Archive) {
	var rows archive.Rows
	ids := map[events.SessionID]bool{}
	for i := range 7 {
		s := group(events.SessionID(fmt.Sprint("g_", i)), 0)
		ids[s.session] = true
		put(t, a, archive.Plan(int32(i%2), s.outcomes))
	}
	put(t, a, rows)
	var sessions []events.SessionID
	for after := events.SessionID(""); ; after = sessions[len(sessions)-1] {
		page, err := a.Sessions(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			sessions = append(sessions, s.Session)
		}
		if len(page) < 3 {
			break
		}
	}
	same(t, "sessions", sessions, slices.Sorted(maps.Keys(ids)))
	page, err := a.Messages(t.Context(), "g_3", 2, 2)
	if err != nil || len(page) != 2 || page[0].Seq != 3 || page[1].Seq != 4 {
		t.Errorf("messages after 2: %+v %v", page, err)
	}
	outcomes, err := a.Outcomes(t.Context(), "g_3", 2, 2)
	if err != nil || len(outcomes) != 2 || outcomes[0].Offset != 3 {
		t.Errorf("outcomes after 2: %+v %v", outcomes, err)
	}
}
