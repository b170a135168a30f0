package steward_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
)

// view is one that has come as far as it says.
type view struct {
	// through is how far it is.
	through int64
	closed  map[events.UserID]bool
	parts   map[events.SessionID]map[events.UserID]steward.Part
	// holders are by token; of those that let go of it the device has another.
	holders map[string][]steward.Holder
	letGo   map[steward.Holder]bool
	// asked counts questions after the heads; broken fails the first so many.
	asked  int
	broken atomic.Int32
	// looked is called before the heads are told.
	looked func(*view)
}

func (v *view) Through(_ context.Context, partitions []int32) (map[int32]int64, error) {
	v.asked++
	if v.looked != nil {
		v.looked(v)
	}
	through := map[int32]int64{}
	for _, p := range partitions {
		through[p] = v.through
	}
	return through, nil
}

func (v *view) Closed(_ context.Context, u events.UserID) (bool, error) {
	if v.broken.Add(-1) >= 0 {
		return false, errors.New("away")
	}
	return v.closed[u], nil
}

func (v *view) Sessions(_ context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	var all []events.SessionID
	for s, people := range v.parts {
		if _, ok := people[u]; ok && s > after {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all[:min(limit, len(all))], nil
}

func (v *view) Part(_ context.Context, s events.SessionID, u events.UserID) (steward.Part, error) {
	return v.parts[s][u], nil
}

func (v *view) Holders(_ context.Context, tokens []events.PushToken) ([][]steward.Holder, error) {
	if v.broken.Add(-1) >= 0 {
		return nil, errors.New("away")
	}
	holders := make([][]steward.Holder, len(tokens))
	for i, t := range tokens {
		holders[i] = v.holders[t.Token]
	}
	return holders, nil
}

func (v *view) Has(_ context.Context, h steward.Holder, _ events.PushToken) (bool, error) {
	return !v.letGo[h], nil
}

func accepted(s events.SessionID, u events.UserID, seq events.Seq, e events.Event) follow.Outcome {
	return follow.Outcome{Offset: 4, Outcome: events.Outcome{Session: s, Actor: events.Actor{User: u}, Result: events.Accepted{Seq: seq, Event: e}}}
}

// asked are the commands in the log, a line each.
func asked(t *testing.T, log eventlog.Log) (lines []string) {
	t.Helper()
	_, end, err := log.Bounds(t.Context(), eventlog.Commands, 0)
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := log.Read(t.Context(), eventlog.Commands, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	for int64(len(lines)) < end {
		records, err := cursor.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			c, err := events.DecodeCommand(rec.Record)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s %s/%s %s %#v", c.Session, c.Actor.User, c.Actor.Service, c.ClientID, c.Op))
		}
	}
	slices.Sort(lines)
	return lines
}

func in(kind events.Kind, from events.Seq) steward.Part {
	return steward.Part{Kind: kind, In: true, From: from}
}

func TestClosedAccountsAreLetOut(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	self := events.NewSelfID("ann")
	v := &view{
		through: 100, closed: map[events.UserID]bool{},
		parts: map[events.SessionID]map[events.UserID]steward.Part{
			self:      {"ann": in(events.KindSelf, 1)},
			"g_a":     {"ann": in(events.KindGroup, 3), "bob": in(events.KindGroup, 1)},
			"g_left":  {"ann": {Kind: events.KindGroup}},
			"d_b":     {"ann": in(events.KindDirect, 1)},
			"g_later": {"ann": in(events.KindGroup, 5), "bob": in(events.KindGroup, 5)},
		},
	}
	s := steward.New(client, v, "/test", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	handle := func(outcomes ...follow.Outcome) {
		t.Helper()
		if err := s.Handle(t.Context(), 0, outcomes); err != nil {
			t.Fatal(err)
		}
	}

	handle(accepted("g_other", "bob", 9, events.Added{Members: []events.NewMember{{User: "ann"}}}), accepted("g_a", "ann", 3, events.Sent{Index: 1}))
	if got := asked(t, client); len(got) > 0 {
		t.Fatalf("nobody closed an account, and the steward asks for %q", got)
	}

	later := v.parts["g_later"]
	delete(v.parts, "g_later")
	v.closed["ann"] = true
	handle(accepted(self, "ann", 2, events.AccountClosed{}))
	want := []string{
		"d_b ann/steward steward-contact-1 events.Contact{Step:0x4, Text:\"\"}",
		"g_a ann/steward steward-leave-3 events.Leave{}",
	}
	if got := asked(t, client); !reflect.DeepEqual(got, want) {
		t.Fatalf("asked for %q, want %q", got, want)
	}

	// Let in later: out again, and nobody else. The account can't be asked about at first.
	v.parts["g_later"] = later
	v.broken.Store(1)
	added := accepted("g_later", "bob", 5, events.Added{Members: []events.NewMember{{User: "ann"}, {User: "bob"}}})
	if err := s.Handle(t.Context(), 0, []follow.Outcome{added}); err == nil {
		t.Error("no error of a view that is away")
	}
	handle(added)
	want = append(want, "g_later ann/steward steward-leave-5 events.Leave{}")
	if got := asked(t, client); !reflect.DeepEqual(got, want) {
		t.Fatalf("asked for %q, want %q", got, want)
	}
}

// The steward looks only once the view has what it met.
func TestStewardWaitsForTheView(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	v := &view{
		closed: map[events.UserID]bool{"ann": true},
		parts:  map[events.SessionID]map[events.UserID]steward.Part{"g_a": {}},
	}
	v.looked = func(v *view) {
		if v.asked == 3 {
			v.through = 5
			v.parts["g_a"]["ann"] = in(events.KindGroup, 4)
		}
	}
	s := steward.New(client, v, "/test", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := s.Handle(t.Context(), 0, []follow.Outcome{accepted("g_a", "ann", 4, events.Joined{})}); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, client); len(got) != 1 {
		t.Errorf("asked for %q, want one to leave", got)
	}
	v.through = 4
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Handle(ctx, 0, []follow.Outcome{accepted("g_none", "ann", 4, events.Joined{})}); !errors.Is(err, context.Canceled) {
		t.Errorf("of a view that never gets there: %v, want the context's error", err)
	}
}

// A view that was an older copy of itself when it was asked is asked again.
func TestStewardAsksAnOlderCopyAgain(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	v := &view{
		through: 9, closed: map[events.UserID]bool{},
		parts: map[events.SessionID]map[events.UserID]steward.Part{"g_a": {"ann": in(events.KindGroup, 4)}},
	}
	v.looked = func(v *view) {
		switch v.asked {
		case 2: // it was one when it said that the account is open
			v.through = 3
		case 4:
			v.through, v.closed["ann"] = 9, true
		}
	}
	s := steward.New(client, v, "/test", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := s.Handle(t.Context(), 0, []follow.Outcome{accepted("g_a", "ann", 4, events.Joined{})}); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, client); len(got) != 1 {
		t.Errorf("asked for %q, want one to leave", got)
	}
}

// Who closed the account and becomes a contact again, by a step of their own, is none again: each time by another command.
func TestContactsAgainAreNone(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	v := &view{
		through: 100, closed: map[events.UserID]bool{"ann": true},
		parts: map[events.SessionID]map[events.UserID]steward.Part{"d_b": {"ann": in(events.KindDirect, 1), "bob": in(events.KindDirect, 1)}},
	}
	s := steward.New(client, v, "/test", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	step := func(u events.UserID, seq events.Seq, step events.ContactStep) follow.Outcome {
		return accepted("d_b", u, seq, events.ContactChanged{Step: step})
	}
	for range 2 { // what is handed over again changes nothing
		if err := s.Handle(t.Context(), 0, []follow.Outcome{
			step("ann", 5, events.ContactAsk), step("bob", 6, events.ContactAccept), step("ann", 7, events.ContactRemove), step("ann", 8, events.ContactAccept),
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"d_b ann/steward steward-contact-5 events.Contact{Step:0x4, Text:\"\"}", "d_b ann/steward steward-contact-5 events.Contact{Step:0x4, Text:\"\"}",
		"d_b ann/steward steward-contact-8 events.Contact{Step:0x4, Text:\"\"}", "d_b ann/steward steward-contact-8 events.Contact{Step:0x4, Text:\"\"}",
	}
	if got := asked(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// Who registers a token has all others forget it, who had it before, each by a command of that registration.
func TestTokensMove(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	cid := steward.Holder{User: "cid", Device: "old", Since: 5}
	v := &view{
		holders: map[string][]steward.Holder{
			"k1": {{User: "bob", Device: "pad", Since: 30}, {User: "ann", Device: "phone", Since: 20}, {User: "bob", Device: "web", Since: 10}, cid},
			"k2": {{User: "bob", Device: "pad", Since: 40}},
		},
		letGo: map[steward.Holder]bool{cid: true},
	}
	v.looked = func(v *view) {
		if v.asked == 2 {
			v.through = 5
		}
	}
	s := steward.New(client, v, "/test", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	set := func(u events.UserID, device, token, version string) follow.Outcome {
		return accepted(events.NewSelfID(u), u, 2, events.DeviceSet{Device: device, Push: events.PushToken{Service: "fcm", Token: token, AppVersion: version}})
	}
	off := accepted(events.NewSelfID("ann"), "ann", 3, events.DeviceSet{Device: "phone", Off: true})
	if err := s.Handle(t.Context(), 0, []follow.Outcome{off, set("ann", "phone", "", "1")}); err != nil || v.asked > 0 {
		t.Errorf("%v; the view was asked %d times of no token", err, v.asked)
	}
	outcomes := []follow.Outcome{set("ann", "phone", "k1", "1"), set("bob", "pad", "k1", "2"), set("bob", "pad", "k2", "2"), set("eve", "pad", "k3", "")}
	v.broken.Store(1)
	if err := s.Handle(t.Context(), 0, outcomes); err == nil {
		t.Error("no error of a view that is away")
	}
	if v.asked < 2 {
		t.Errorf("the view was asked %d times how far it is", v.asked)
	}
	if err := s.Handle(t.Context(), 0, outcomes); err != nil {
		t.Fatal(err)
	}
	forget := func(u events.UserID, device string, since events.Millis) string {
		sum := sha256.Sum256([]byte(device + "\x00k1"))
		return fmt.Sprintf("%s %s/steward steward-forget_push-%d-%x %#v", events.NewSelfID(u), u, since, sum[:8],
			events.ForgetPush{Device: device, Token: "k1", Until: since, Reason: events.ForgetMoved})
	}
	want := []string{forget("ann", "phone", 20), forget("bob", "web", 10)}
	slices.Sort(want)
	if got := asked(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("asked for %q,\nwant %q", got, want)
	}
}
