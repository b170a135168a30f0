package push

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// Memory is a Store in memory, for tests and simulations. It keeps all that it is given.
type Memory struct {
	mu      sync.Mutex
	entries map[events.UserID]map[string]Entry
	ahead   map[Subject]map[place]bool
	shown   map[Query]Shown
	numbers map[Query]number
}

// place is where an entry is kept.
type place struct {
	user events.UserID
	id   string
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{entries: map[events.UserID]map[string]Entry{}, ahead: map[Subject]map[place]bool{}, shown: map[Query]Shown{}, numbers: map[Query]number{}}
}

// Decide implements Store.
func (m *Memory) Decide(_ context.Context, entries []Entry) ([]*Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := make([]*Entry, len(entries))
	for i, e := range entries {
		m.expect(&e)
		if had, there := m.entries[e.User][e.ID]; there {
			before[i] = &had
			continue
		}
		m.put(e)
	}
	return before, nil
}

// expect keeps in mind what is ahead of an entry.
func (m *Memory) expect(e *Entry) {
	about := Subject{e.Session, e.Seq, e.At}
	for _, id := range e.Ahead {
		if m.ahead[about] == nil {
			m.ahead[about] = map[place]bool{}
		}
		m.ahead[about][place{e.User, id}] = true
	}
	e.Ahead = nil
}

// Open implements Store.
func (m *Memory) Open(_ context.Context, about []Subject) (open []Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range about {
		for p := range m.ahead[a] {
			if e, there := m.entries[p.user][p.id]; there && e.Open() {
				open = append(open, e)
			}
		}
	}
	return open, nil
}

func (m *Memory) put(e Entry) {
	if had, there := m.entries[e.User][e.ID]; there && !had.Open() && (had.Reason == Brought || e.Reason != Brought) {
		return
	}
	if m.entries[e.User] == nil {
		m.entries[e.User] = map[string]Entry{}
	}
	m.entries[e.User][e.ID] = e
}

// Put implements Store.
func (m *Memory) Put(_ context.Context, entries []Entry, marks []Mark) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		m.put(e)
	}
	for _, k := range marks {
		m.numbers[Query{User: k.User, Device: k.Device}] = number{is: Unsure, by: k.By}
	}
	return nil
}

// number is a device's, and whose call is to change it; others: another call may have come after that.
type number struct {
	is     int
	by     string
	others bool
}

// settle is what a number is once it is known what came of a call.
func (n number) settle(there bool, s *Settled) (now number, contested bool) {
	switch {
	case !there, s.Mark == "", n.is == s.Badge, n.is == Unsure && n.by == s.Mark && !n.others:
		return number{is: s.Badge}, false
	case n.is == Unsure && n.by == s.Mark:
		return number{is: Unsure}, false
	}
	return number{is: Unsure, by: n.by, others: n.by != ""}, true
}

// Settle implements Store.
func (m *Memory) Settle(_ context.Context, settled []Settled) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	contested := make([]bool, len(settled))
	for i, s := range settled {
		m.put(s.Entry)
		at := Query{s.User, s.Device, s.Session, s.Call}
		if m.shown[at].Seq <= s.Clear {
			delete(m.shown, at)
		}
		if s.Shown != nil && m.shown[at].Seq <= s.Shown.Seq {
			m.shown[at] = *s.Shown
		}
		if s.Badge >= 0 {
			of := Query{User: s.User, Device: s.Device}
			was, there := m.numbers[of]
			m.numbers[of], contested[i] = was.settle(there, &s)
		}
	}
	return contested, nil
}

// Phones implements Store.
func (m *Memory) Phones(_ context.Context, queries []Query) ([]Phone, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	phones := make([]Phone, len(queries))
	for i, q := range queries {
		phones[i].Badge = -1
		if s, there := m.shown[q]; there {
			phones[i].Shown = &s
		}
		if n, there := m.numbers[Query{User: q.User, Device: q.Device}]; there {
			phones[i].Badge = n.is
		}
	}
	return phones, nil
}

// Log implements Store.
func (m *Memory) Log(_ context.Context, u events.UserID, since events.Millis, limit int) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for _, e := range m.entries[u] {
		if e.At >= since && e.Logged() {
			all = append(all, e)
		}
	}
	return Newest(all, time.Now(), limit), nil
}

// Newest sorts entries as Log gives them. What is open and can't be brought any more, as old as it is, is Expired: whoever had it ended, and none took it up in time.
func Newest(all []Entry, now time.Time, limit int) []Entry {
	for i := range all {
		if all[i].Open() && now.Sub(time.UnixMilli(int64(all[i].At))) > KeepOpen {
			all[i].Reason = Expired
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Decided, b.Decided), cmp.Compare(a.Device, b.Device), cmp.Compare(a.ID, b.ID))
	})
	return all[max(0, len(all)-limit):]
}
