package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Phones are phones behind push services.
type Phones interface {
	// New makes a phone of a service on which nothing was ever shown; name is what the scenario calls it.
	New(ctx context.Context, service, name string) (Phone, error)
	// Screen is what a phone shows now.
	Screen(ctx context.Context, p Phone) (Screen, error)
	// Fail has a service do otherwise than it should; a fault without a name ends all.
	Fail(ctx context.Context, service string, f Fault) error
}

// Phone is an app on a device as a push service names it.
type Phone struct{ Service, Package, Token string }

// Screen is what a phone shows.
type Screen struct {
	// Shown are the notifications on it, the oldest first.
	Shown []Shown
	// Came counts all that came and were shown, Quiet what came besides.
	Came, Quiet int
	// Badge is the number at the icon; negative if none was ever set.
	Badge int
}

// Shown is a notification on a phone.
type Shown struct{ Title, Body string }

// Faults of push services.
const (
	// FaultGone says that the token is good no more, FaultBusy to come again later; FaultRefuse does not take it, and FaultWrong accepts nothing of ours.
	FaultGone   = "gone"
	FaultBusy   = "busy"
	FaultRefuse = "refuse"
	FaultWrong  = "wrong"
	// FaultCut breaks the connection off before anything is done, FaultLost after it was; FaultHang does not answer.
	FaultCut  = "cut"
	FaultLost = "lost"
	FaultHang = "hang"
)

// faults are all there are; pushWell ends them.
var faults = []string{FaultGone, FaultBusy, FaultRefuse, FaultWrong, FaultCut, FaultLost, FaultHang}

const pushWell = "well"

// Fault is what is to go wrong.
type Fault struct {
	Name string
	// Token is for whom; empty: whoever comes.
	Token string
	// Times is how often; negative: until it is ended.
	Times int
	// Since is when the token went; zero: the service does not say so.
	Since time.Time
	// After is how long to wait; 0: the service does not say so.
	After time.Duration
}

// errNoPhones is where nobody is told.
var errNoPhones = &NotHere{"there are no phones"}

// phone makes a phone, or compares what one shows.
func (r *run) phone(ctx context.Context, s *Step) error {
	phones, err := r.way.Phones()
	if err != nil {
		return err
	}
	name := s.Args[0]
	if s.Args[1] == "uses" {
		if len(s.Args) != 3 {
			return fmt.Errorf("phone %s uses one service", name)
		}
		p, err := phones.New(ctx, s.Args[2], name)
		r.names.phones[name] = p
		return err
	}
	p, ok := r.names.phones[name]
	if !ok {
		return fmt.Errorf("there is no phone %s: phone %s uses SERVICE makes one", name, name)
	}
	expected, of, err := r.screen(s)
	if err != nil {
		return err
	}
	look := func(ctx context.Context) (string, error) {
		screen, err := phones.Screen(ctx, p)
		return of(&screen), err
	}
	return r.within(ctx, s, expected, look)
}

// screen reads what a step expects of a screen, and gives what tells as much of one.
func (r *run) screen(s *Step) (expected string, of func(*Screen) string, err error) {
	switch what := s.Args[1]; {
	case what == "shows":
		var texts []string
		for _, t := range s.Args[2:] {
			texts = append(texts, strconv.Quote(t))
		}
		return "[" + strings.Join(texts, " ") + "]", r.shown, nil
	case len(s.Args) == 3 && what == "came":
		return s.Args[2] + " came", func(c *Screen) string { return fmt.Sprint(c.Came, " came") }, nil
	case len(s.Args) == 3 && what == "quiet":
		return s.Args[2] + " came quietly", func(c *Screen) string { return fmt.Sprint(c.Quiet, " came quietly") }, nil
	case len(s.Args) == 3 && what == "badge":
		return s.Args[2], func(c *Screen) string {
			if c.Badge < 0 {
				return "none"
			}
			return strconv.Itoa(c.Badge)
		}, nil
	}
	return "", nil, fmt.Errorf("a phone uses SERVICE, shows TEXT…, came N, quiet N or badge N; not %q", strings.Join(s.Args[1:], " "))
}

// shown tells what is on a screen, people called as the scenario calls them.
func (r *run) shown(c *Screen) string {
	texts := make([]string, len(c.Shown))
	for i, n := range c.Shown {
		text := n.Title + ": " + n.Body
		if r.names.prefix != "" {
			text = strings.ReplaceAll(text, r.names.prefix, "")
		}
		texts[i] = strconv.Quote(text)
	}
	return "[" + strings.Join(texts, " ") + "]"
}

// within is eventually, where the step may say within what time.
func (r *run) within(ctx context.Context, s *Step, expected string, ask func(context.Context) (string, error)) error {
	began, became := r.way.Now(), time.Time{} // how long it must stay so is not counted
	err := r.eventually(ctx, s, expected, func(ctx context.Context) (string, error) {
		got, err := ask(ctx)
		if got == expected && became.IsZero() {
			became = r.way.Now()
		}
		return got, err
	})
	text := s.Options["within"]
	if err != nil || text == "" {
		return err
	}
	limit, err := span(text)
	if took := became.Sub(began); err == nil && took > limit {
		err = &Failure{Line: s.Line, Text: s.Text, Expected: expected + " within " + text, Got: expected + " after " + took.String()}
	}
	return err
}

// push has a push service do otherwise than it should, or well again.
func (r *run) push(ctx context.Context, s *Step) error {
	phones, err := r.way.Phones()
	if err != nil {
		return err
	}
	f := Fault{Name: s.Args[1], Times: 1}
	if f.Name == pushWell {
		return phones.Fail(ctx, s.Args[0], Fault{})
	}
	if !slices.Contains(faults, f.Name) {
		return fmt.Errorf("a push service is %s or one of %s, not %q", pushWell, strings.Join(faults, ", "), f.Name)
	}
	for key, text := range s.Options {
		switch key {
		case "phone":
			p, ok := r.names.phones[text]
			if !ok {
				return fmt.Errorf("there is no phone %s", text)
			}
			f.Token = p.Token
		case "times":
			if f.Times, err = strconv.Atoi(text); text == "ever" {
				f.Times, err = -1, nil
			}
		case "since":
			var ago time.Duration
			ago, err = span(text)
			f.Since = r.way.Now().Add(-ago)
		case "after":
			f.After, err = span(text)
		}
		if err != nil {
			return err
		}
	}
	return phones.Fail(ctx, s.Args[0], f)
}
