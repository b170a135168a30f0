// Package hottest is the suite that every implementation of the hot view's ports
// passes: store, reader, notifier and feed together, since what one writes the other reads.
package hottest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Fixture is one empty view.
type Fixture struct {
	Store    hot.Store
	View     hot.View
	Notifier hot.Notifier
	// Partitions is the events topic's count, Window how many events of a session are kept.
	Partitions int32
	Window     int
	// TallyFrom is how many people must have been in a session for a tally, 3 or 4.
	TallyFrom int
	// Feed makes a gateway's feed.
	Feed func(t testing.TB, instance string) hot.Feed
	// Break cuts the connections there are; new ones work.
	Break func(t testing.TB)
	// Parts are the keys of a session, and Drop removes one behind the store's back. It
	// says whether it was there.
	Parts []string
	Drop  func(t testing.TB, s events.SessionID, part string) bool
	// Flush removes everything behind the store's back.
	Flush func(t testing.TB)
	// Copy keeps a copy of what is there; failOver has the engine go on with that, in
	// another life. Nil for an engine whose data end with it.
	Copy func(t testing.TB) (failOver func())
}

// Run runs the suite; open gives an empty view each time.
func Run(t *testing.T, open func(t testing.TB) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"reads what was applied", testReads},
		{"repeats change nothing", testRepeats},
		{"a gap is noticed", testGap},
		{"a lost key is noticed", testLostKeys},
		{"members are paged", testMembers},
		{"unread is exact", testUnread},
		{"who has seen a message is counted", testTally},
		{"revoked bodies are hidden", testHidden},
		{"what somebody hid is left out for them", testHides},
		{"when something last happened", testActivity},
		{"numbers above 2^53 are exact", testHugeNumbers},
		{"partitions write at once", testTogether},
		{"markers only rise", testMarkers},
		{"who left has no role, and stays are bounded", testLeaving},
		{"the window is bounded", testWindow},
		{"readers know a view under construction", testBuilding},
		{"what a late builder wrote is noticed", testLateBuilder},
		{"a view is built in great rounds", testRounds},
		{"sessions of a user", testSessions},
		{"unreadable events leave a hole", testHoles},
		{"what the log leaves broken is put aside", testPutAside},
		{"states of a view follow on each other", testViewStates},
		{"a view is built beside another", testBeside},
		{"one rebuild is asked for at a time", testAsked},
		{"a session is built beside itself", testSessionBeside},
		{"heads are read together", testHeads},
		{"facts of a pair", testFacts},
		{"what users say of themselves is read together", testOwn},
		{"how users are reached is read together", testReach},
		{"who registered a token last is its holder", testHolders},
		{"who are contacts is read together", testContacts},
		{"reactions stand at their message", testReactions},
		{"reactions leave with their message", testManyReactions},
		{"what was told is noted", testChanged},
		{"confirmed is heard", testFeed},
		{"a broken connection is made good", testBroken},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
	t.Run("the view is a fold of the log", func(t *testing.T) { testFold(t, open) })
}

// limit ends a test that hangs.
const limit = 20 * time.Second

// bench is a fixture with a chat to fill it.
type bench struct {
	*testing.T
	Fixture
	*Chat
	ctx context.Context
}

// whole is the id of the view that tests build; older and newer are others.
const (
	older = "0000000001-a"
	whole = "0000000002-b"
	newer = "0000000003-c"
)

func newBench(t *testing.T, f Fixture) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: f.Partitions})
	t.Cleanup(log.Close)
	b := &bench{T: t, Fixture: f, Chat: NewChat(t, log), ctx: ctx}
	b.views(whole, true)
	return b
}

// views sets the state of all partitions.
func (b *bench) views(id string, whole bool) {
	b.Helper()
	for p := range b.Partitions {
		err := b.Store.SetView(b.ctx, p, hot.ViewState{ID: id})
		if err == nil && whole {
			err = b.Store.SetView(b.ctx, p, hot.ViewState{ID: id, Whole: true, Run: b.life()})
		}
		if err != nil {
			b.Fatalf("set the view of partition %d to %s: %v", p, id, err)
		}
	}
}

// life is the engine's present one.
func (b *bench) life() string {
	b.Helper()
	run, err := b.Store.Run(b.ctx)
	if err != nil {
		b.Fatalf("the engine's life: %v", err)
	}
	if run == "" || len(run) > hot.MaxRun || strings.ContainsAny(run, " |") {
		b.Errorf("the engine's life is %q, want 1 to %d bytes without space and '|'", run, hot.MaxRun)
	}
	return run
}

// apply applies outcomes, and notes whose sessions they are.
func (b *bench) apply(said ...Said) {
	b.Helper()
	b.applyAs(whole, false, said...)
}

func (b *bench) applyAs(view string, building bool, said ...Said) {
	b.Helper()
	changes := Changes(said...)
	for i := range changes {
		changes[i].Building = building
	}
	if err := b.Store.Apply(b.ctx, view, changes); err != nil {
		b.Fatalf("apply %d outcomes: %v", len(said), err)
	}
	users := map[events.UserID][]events.SessionID{}
	var registered []hot.Registration
	for _, s := range changes {
		for _, c := range s.Changes {
			if c.Registered != nil {
				registered = append(registered, *c.Registered)
			}
			for _, m := range c.In {
				users[m.User] = append(users[m.User], s.Session)
			}
		}
	}
	if len(registered) > 0 {
		if err := b.Store.AddHolders(b.ctx, registered); err != nil {
			b.Fatalf("note registrations: %v", err)
		}
	}
	if len(users) == 0 {
		return
	}
	if err := b.Store.AddSessions(b.ctx, users); err != nil {
		b.Fatalf("note users' sessions: %v", err)
	}
}

func (b *bench) person(s events.SessionID, u events.UserID) hot.Person {
	b.Helper()
	p, err := b.View.Person(b.ctx, s, u)
	if err != nil {
		b.Fatalf("person %s of %s: %v", u, s, err)
	}
	// What is asked of many at once is the same.
	unread, err := b.View.Unread(b.ctx, u, []events.SessionID{"g_none", s, s + "_none"})
	want := map[events.SessionID]hot.Unread{s: p.UnreadNow()}
	if err != nil || !maps.Equal(unread, want) {
		b.Errorf("unread for %s: got %v, %v, want %v", u, unread, err, want)
	}
	return p
}

func (b *bench) forward(s events.SessionID) []hot.Item {
	b.Helper()
	items, err := b.View.Forward(b.ctx, s, 1, b.Seq(s), 10_000)
	if err != nil {
		b.Fatalf("items of %s: %v", s, err)
	}
	return items
}

// item gives the item of that seq.
func (b *bench) item(s events.SessionID, seq events.Seq) hot.Item {
	b.Helper()
	items, err := b.View.Forward(b.ctx, s, seq, seq, 1)
	if err != nil || len(items) != 1 || items[0].Seq != seq {
		b.Fatalf("item %d of %s: got %v, %v", seq, s, items, err)
	}
	return items[0]
}

func (b *bench) wantErr(what string, got, want error) {
	b.Helper()
	if !errors.Is(got, want) {
		b.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func wantEqual[T comparable](b *bench, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Errorf("%s is %v, want %v", what, got, want)
	}
}

var policy = events.Policy{
	RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10_000,
	AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
}

// group is the event that opens a group of these people, the first its owner.
func group(base events.Seq, users ...events.UserID) events.Created {
	c := events.Created{Kind: events.KindGroup, Base: base, Policy: policy, Title: "title of it"}
	for i, u := range users {
		role := events.RoleMember
		if i == 0 {
			role = events.RoleOwner
		}
		c.Members = append(c.Members, events.NewMember{User: u, Role: role})
	}
	return c
}

func text(s string) events.Sent { return events.Sent{Body: events.TextBody(s)} }

// send says n messages.
func (b *bench) send(s events.SessionID, u events.UserID, n int) []Said {
	b.Helper()
	said := make([]Said, n)
	for i := range said {
		said[i] = b.Accept(s, u, text(fmt.Sprintf("message %d", b.Index(s))))
	}
	return said
}
