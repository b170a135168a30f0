package hot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"annal/pkg/events"
)

// listed is a view of one user: what they have unread of sessions, what they set, and what they hid.
type listed struct {
	View
	people map[events.SessionID]Person
	facts  Facts
	hidden []events.Index

	// missing are those that are listed, and not there yet.
	missing map[events.SessionID]bool

	mu sync.Mutex
	// read are those that were read by themselves.
	read []events.SessionID
}

func (v *listed) Facts(context.Context, events.SessionID) (Facts, error) {
	if v.facts.Settings == nil {
		return Facts{}, ErrNoSession
	}
	return v.facts, nil
}

func (v *listed) Sessions(_ context.Context, _ events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	var page []events.SessionID
	for s := range v.people {
		if s > after {
			page = append(page, s)
		}
	}
	slices.Sort(page)
	return page[:min(limit, len(page))], nil
}

func (v *listed) Hidden(_ context.Context, _ events.UserID, _ events.SessionID, first, last events.Index, limit int) ([]events.Index, error) {
	some := slices.DeleteFunc(slices.Clone(v.hidden), func(i events.Index) bool { return i < first || i > last })
	return some[:min(limit, len(some))], nil
}

func (v *listed) Unread(_ context.Context, _ events.UserID, sessions []events.SessionID) (map[events.SessionID]Unread, error) {
	return UnreadOf(sessions, func(s events.SessionID) (Person, error) {
		if v.missing[s] {
			return Person{}, ErrNoSession
		}
		return v.people[s], nil
	})
}

func (v *listed) Person(_ context.Context, s events.SessionID, _ events.UserID, hidden ...events.Index) (Person, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read = append(v.read, s)
	p := v.people[s]
	p.Unread -= uint64(len(hidden))
	return p, nil
}

func in(unread, mentions uint64) Person {
	return Person{Head: Head{Index: 5000}, Member: events.Member{Stays: []events.Stay{{From: 1}}}, Unread: unread, Mentions: mentions}
}

func TestCountUnread(t *testing.T) {
	v := &listed{people: map[events.SessionID]Person{
		"a": in(3, 1), "b": in(4, 2), "c": in(0, 0), "d": in(5, 0), "e": in(0, 0), "f": {Unread: 9}, "g": in(2, 0),
	}}
	counted := func(c Counting) string {
		t.Helper()
		v.read = nil
		c.Now, c.Page, c.AtOnce = 100, 3, 2
		if c.Person == nil {
			c.Person = func(ctx context.Context, s events.SessionID, hides bool) (Person, error) {
				return PersonOf(ctx, v, s, "u", hides)
			}
		}
		heard, muted, err := CountUnread(t.Context(), v, "u", c)
		slices.Sort(v.read)
		return fmt.Sprint(heard, muted, v.read, err)
	}
	for _, c := range []struct {
		why  string
		set  map[events.SessionID]events.Settings
		how  Counting
		want string
	}{
		{"nothing was ever set", nil, Counting{}, "{14 3 4} {0 0 0} [] <nil>"},
		{"a is muted, b was, d is hidden, e is marked", map[events.SessionID]events.Settings{
			"a": {MuteUntil: 101}, "b": {MuteUntil: 100}, "d": {Hidden: true}, "e": {Unread: true},
		}, Counting{}, "{6 2 3} {0 0 0} [] <nil>"},
		{"muted ones apart", map[events.SessionID]events.Settings{"a": {MuteUntil: 101}, "c": {MuteUntil: 101, Unread: true}}, Counting{Muted: true}, "{11 2 3} {3 1 2} [] <nil>"},
	} {
		v.facts.Settings = c.set
		if got := counted(c.how); got != c.want {
			t.Errorf("%s: %s, must %s", c.why, got, c.want)
		}
	}
	// What they hid of a is not counted, of pages of it neither.
	v.facts.Settings, v.facts.Hides = map[events.SessionID]events.Settings{}, map[events.SessionID]bool{"a": true}
	for i := range events.Index(hiddenPage + 10) {
		v.hidden = append(v.hidden, i+1)
	}
	v.people = map[events.SessionID]Person{"a": in(hiddenPage+30, 0), "b": in(1, 0)}
	if got := counted(Counting{}); got != "{21 0 2} {0 0 0} [a a] <nil>" {
		t.Error(got)
	}
	// Of what is not there yet it is asked by itself.
	v.facts.Hides, v.missing = nil, map[events.SessionID]bool{"b": true}
	if got := counted(Counting{}); got != "{1031 0 2} {0 0 0} [b] <nil>" {
		t.Error(got)
	}
	away := errors.New("away")
	if got := counted(Counting{Person: func(context.Context, events.SessionID, bool) (Person, error) { return Person{}, away }}); got != "{1030 0 1} {0 0 0} [] away" {
		t.Error(got)
	}
}
