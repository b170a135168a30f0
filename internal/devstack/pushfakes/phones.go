package pushfakes

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Phone names an app on a device as a vendor does.
type Phone struct {
	Service, Package, Token string
}

// Shown is a notification on a phone.
type Shown struct {
	// ID is the sender's id of the note, as far as the protocol carries one, and Vendor the vendor's own.
	ID, Vendor string
	// Collapse is under what a later one takes its place; empty: none does.
	Collapse    string
	Title, Body string
	Thread      string
	Link        string
	Data        map[string]string
	Urgent      bool
	At          time.Time
	// Times is how often it came: more than 1 is the same one again, shown once.
	Times int
}

// Screen is what a phone shows.
type Screen struct {
	Phone
	// Badge is the number at the app's icon; negative if none was ever set.
	Badge int
	// Shown are the notifications that are on it, the oldest first.
	Shown []Shown
	// Came counts what came and was shown, Quiet what came and was not (badges, withdrawals).
	Came, Quiet int
}

// Phones are all phones. Its methods are safe for use at once.
type Phones struct {
	mu      sync.Mutex
	screens map[Phone]*Screen
	history []Event
	// came is signalled at every change.
	came chan struct{}
}

// Event is one thing that came to a phone, for tests: all of them in order.
type Event struct {
	Phone Phone
	// What is show, badge or withdraw.
	What  string
	Shown Shown
	Badge int
}

// maxHistory bounds the events kept.
const maxHistory = 1_000_000

// maxShown is how many notifications a phone keeps.
const maxShown = 500

// NewPhones gives phones that show nothing yet.
func NewPhones() *Phones { return &Phones{screens: map[Phone]*Screen{}, came: make(chan struct{})} }

func (p *Phones) screen(of Phone) *Screen {
	s := p.screens[of]
	if s == nil {
		s = &Screen{Phone: of, Badge: -1}
		p.screens[of] = s
	}
	return s
}

func (p *Phones) changed(e Event) {
	if len(p.history) < maxHistory {
		p.history = append(p.history, e)
	}
	close(p.came)
	p.came = make(chan struct{})
}

// Show shows n, in the place of what has the same Collapse (or the same ID). A badge of 0 or more is set.
func (p *Phones) Show(at Phone, n Shown, badge int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.screen(at)
	n.Times = 1
	same := func(o Shown) bool {
		return n.Collapse != "" && o.Collapse == n.Collapse || n.ID != "" && o.ID == n.ID
	}
	s.Shown = slices.DeleteFunc(s.Shown, func(o Shown) bool {
		if same(o) && o.ID == n.ID && n.ID != "" {
			n.Times += o.Times
		}
		return same(o)
	})
	s.Shown = append(s.Shown, n)
	if len(s.Shown) > maxShown {
		s.Shown = slices.Delete(s.Shown, 0, len(s.Shown)-maxShown)
	}
	s.Came++
	if badge >= 0 {
		s.Badge = badge
	}
	p.changed(Event{Phone: at, What: "show", Shown: n, Badge: badge})
}

// SetBadge sets the number alone.
func (p *Phones) SetBadge(at Phone, badge int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.screen(at)
	s.Badge = badge
	s.Quiet++
	p.changed(Event{Phone: at, What: "badge", Badge: badge})
}

// Withdraw takes away what is shown under a collapse key, or of a vendor's id, and sets the badge unless it is negative. It says whether
// anything was there.
func (p *Phones) Withdraw(at Phone, collapse, vendor string, badge int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.screen(at)
	n := len(s.Shown)
	s.Shown = slices.DeleteFunc(s.Shown, func(o Shown) bool {
		return collapse != "" && o.Collapse == collapse || vendor != "" && o.Vendor == vendor
	})
	s.Quiet++
	if badge >= 0 {
		s.Badge = badge
	}
	p.changed(Event{Phone: at, What: "withdraw", Shown: Shown{Collapse: collapse, Vendor: vendor}, Badge: badge})
	return len(s.Shown) < n
}

// Screen gives what a phone shows now.
func (p *Phones) Screen(of Phone) Screen {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.screens[of]
	if s == nil {
		return Screen{Phone: of, Badge: -1}
	}
	c := *s
	c.Shown = slices.Clone(s.Shown)
	return c
}

// Screens gives all phones that anything ever came to, in order.
func (p *Phones) Screens() []Screen {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Screen, 0, len(p.screens))
	for _, s := range p.screens {
		c := *s
		c.Shown = slices.Clone(s.Shown)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Screen) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Package, b.Package), strings.Compare(a.Token, b.Token))
	})
	return all
}

// History gives what came, from the n-th on, and a channel that is closed when more comes.
func (p *Phones) History(from int) ([]Event, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.history[min(from, len(p.history)):]), p.came
}
