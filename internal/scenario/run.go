package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// Result is what came of a scenario.
type Result struct {
	Scenario *Scenario
	// Steps were done, each time through a repeat, and took so long there.
	Steps int
	Took  time.Duration
	// Failed is the step that was not as expected, nil if none was.
	Failed *Failure
	// NotRun is why it was not run, or not to its end; empty if it was.
	NotRun string
	// Line is the step's that the way can't do.
	Line int
	// Codes were answered as expected.
	Codes map[string]bool
}

// Failure is a step that was not as expected.
type Failure struct {
	Line          int
	Text          string
	Expected, Got string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("line %d: %s\n\texpected: %s\n\tgot:      %s", f.Line, f.Text, f.Expected, f.Got)
}

// Run runs a scenario. People's ids begin with prefix.
func Run(ctx context.Context, s *Scenario, way Way, prefix string) Result {
	r := &run{way: way, names: newNames(prefix, way.Now), result: Result{Scenario: s, Codes: map[string]bool{}}, devices: map[Who]bool{}}
	began := way.Now()
	err := r.steps(ctx, s.Steps)
	r.result.Took = way.Now().Sub(began)
	if err == nil {
		err = r.problems(s)
	}
	var not *NotHere
	var failed *Failure
	switch {
	case err == nil:
	case errors.As(err, &not):
		r.result.NotRun = not.Reason
	case errors.As(err, &failed):
		r.result.Failed = failed
	default:
		r.result.Failed = &Failure{Line: r.at.Line, Text: r.at.Text, Expected: "the step to be done", Got: err.Error()}
	}
	if r.at != nil {
		r.result.Line = r.at.Line
	}
	return r.result
}

// run is a scenario under way.
type run struct {
	way    Way
	names  *Names
	result Result
	// at is the present step.
	at *Step
	// devices did something.
	devices map[Who]bool
	ids     int
}

func (r *run) steps(ctx context.Context, steps []Step) error {
	for i := range steps {
		if err := r.step(ctx, &steps[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, s *Step) error {
	r.at = s
	switch s.Verb {
	case "together":
		return r.together(ctx, s)
	case "repeat":
		times, err := strconv.Atoi(s.Args[0])
		if err != nil || times < 1 || times > maxSteps {
			return fmt.Errorf("%q is no number of times", s.Args[0])
		}
		for range times {
			if err := r.steps(ctx, s.Block); err != nil {
				return err
			}
		}
		return nil
	}
	r.result.Steps++
	switch verbs[s.Verb].kind {
	case isCommand:
		return r.command(ctx, s, func() {})
	case isDevice:
		r.devices[Who{Person: s.Who.Person, Device: s.Who.Device}] = true
		return r.answered(s, r.onDevice)(ctx)
	case isWorld:
		switch s.Verb {
		case "wait":
			d, err := span(s.Args[0])
			if err != nil {
				return err
			}
			return r.way.Wait(ctx, d)
		case "archived":
			return r.archived(ctx, s)
		case "phone":
			return r.phone(ctx, s)
		case "push":
			return r.push(ctx, s)
		}
		return r.answered(s, r.world)(ctx)
	case isCheck:
		return r.check(ctx, s)
	case isBlock:
	}
	return fmt.Errorf("%s can't stand here", s.Verb)
}

func (r *run) onDevice(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	return r.way.Device(ctx, r.resolved(s))
}

func (r *run) world(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	return r.way.World(ctx, r.resolved(s))
}

// resolved is the step with people and sessions called as they are called there.
func (r *run) resolved(s *Step) *Step {
	out := *s
	out.Args = slices.Clone(s.Args)
	switch s.Verb {
	case "subscribe", "lose", "inject":
		out.Args[0] = r.names.session(s.Args[0])
	case "rebuild":
		if s.Args[0] != "hot" && s.Args[0] != "push" {
			out.Args[0] = r.names.session(s.Args[0])
		}
	}
	out.Who.Person = r.names.user(s.Who.Person)
	return &out
}

// answered does a step and judges its answer, where one is given or expected.
func (r *run) answered(s *Step, do func(context.Context, *Step) (*clientv1.ServerFrame, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		reply, err := do(ctx, s)
		if err != nil || reply == nil && len(s.Wants) == 0 {
			return err
		}
		return r.judge(s, reply)
	}
}

// together starts all commands before it waits for any answer.
func (r *run) together(ctx context.Context, block *Step) error {
	errs := make([]error, len(block.Block))
	var all sync.WaitGroup
	for i := range block.Block {
		r.result.Steps++
		started := make(chan struct{})
		start := sync.OnceFunc(func() { close(started) })
		do, err := r.prepare(&block.Block[i])
		if err != nil {
			return err
		}
		all.Go(func() {
			defer start()
			errs[i] = do(ctx, start)
		})
		<-started
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			r.at = &block.Block[i]
			return err
		}
	}
	return nil
}

func (r *run) command(ctx context.Context, s *Step, started func()) error {
	do, err := r.prepare(s)
	if err != nil {
		return err
	}
	return do(ctx, started)
}

// prepare makes a command of a step.
func (r *run) prepare(s *Step) (func(context.Context, func()) error, error) {
	r.ids++
	m, err := r.names.frame(s, fmt.Sprint("auto-", r.ids))
	if err != nil {
		return nil, err
	}
	who := s.Who
	r.devices[Who{Person: who.Person, Device: who.Device}] = true
	who.Person = r.names.user(who.Person)
	how := How{Service: s.Options["by"] == "service"}
	for _, w := range s.Wants {
		how.Lose = how.Lose || w.Lost
		how.Again = how.Again || w.Again
		how.Take = append(how.Take, w.Code)
	}
	if c := m.GetCreate(); c != nil {
		r.names.sessions[s.Args[1]] = sessionID(c, who.Person, m.GetClientId())
	}
	return func(ctx context.Context, started func()) error {
		how.Started = started
		reply, err := r.way.Do(ctx, who, m, how)
		if err != nil || how.Lose {
			return err
		}
		return r.judge(s, reply)
	}, nil
}

// sessionID is what the session will be called.
func sessionID(c *clientv1.Create, user, clientID string) string {
	op := events.Create{Kind: events.Kind(c.GetKind())}
	for _, m := range c.GetMembers() {
		op.Members = append(op.Members, events.NewMember{User: events.UserID(m.GetUser())})
	}
	return string(events.NewSessionID(op, events.UserID(user), clientID))
}

// judge compares an answer with what is expected of the step.
func (r *run) judge(s *Step, reply *clientv1.ServerFrame) error {
	got := r.wantOf(reply)
	wants := s.Wants
	if len(wants) == 0 {
		wants = []Want{{}}
	}
	var texts []string
	for _, w := range wants {
		if w.met(got) {
			r.note(got)
			return nil
		}
		texts = append(texts, w.String())
	}
	return &Failure{Line: s.Line, Text: s.Text, Expected: strings.Join(texts, " or "), Got: got.String() + r.detail(reply)}
}

var noting sync.Mutex

// note keeps which codes were seen.
func (r *run) note(got Want) {
	noting.Lock()
	defer noting.Unlock()
	if got.Code != "" {
		r.result.Codes[got.Code] = true
	}
	if got.Again {
		r.result.Codes[string(events.CodeDuplicate)] = true
	}
}

// wantOf says of an answer what could be expected of it.
func (r *run) wantOf(m *clientv1.ServerFrame) Want {
	if e := m.GetError(); e != nil {
		return Want{Code: e.GetCode(), Seq: e.GetSeq(), Again: e.GetDuplicate(), Skipped: r.skipped(e.GetSkipped())}
	}
	if a := m.GetAck(); a != nil {
		w := Want{Code: a.GetAnswered(), Seq: a.GetSeq(), Again: a.GetDuplicate()}
		if w.Code == string(events.CodeDuplicate) {
			w.Code = ""
		}
		w.Skipped = r.skipped(a.GetSkipped())
		return w
	}
	return Want{}
}

// skipped are people who were passed over, person:CODE.
func (r *run) skipped(all []*logv1.Skipped) (out []string) {
	for _, s := range all {
		out = append(out, r.names.person(s.GetUser())+":"+s.GetCode())
	}
	slices.Sort(out)
	return out
}

func (r *run) detail(m *clientv1.ServerFrame) string {
	if text := m.GetError().GetMessage(); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// met says whether the answer is what is expected. Where nothing is said of the seq or of who
// was skipped, any will do.
func (w Want) met(got Want) bool {
	return w.Code == got.Code && w.Again == got.Again && (w.Seq == 0 || w.Seq == got.Seq) &&
		(w.Skipped == nil || slices.Equal(w.Skipped, got.Skipped))
}

// problems looks for what no device must ever be shown.
func (r *run) problems(s *Scenario) error {
	for who := range r.devices {
		who.Person = r.names.user(who.Person)
		live, err := r.way.Live(who)
		var not *NotHere
		if errors.As(err, &not) {
			return nil // no devices there
		}
		if err == nil && live.Problem != "" {
			err = &Failure{Line: s.Line, Text: "scenario " + s.Name, Expected: "every event once and in order", Got: who.String() + ": " + live.Problem}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eventually waits until ask gives what is expected, and sees that it stays so.
func (r *run) eventually(ctx context.Context, s *Step, expected string, ask func(context.Context) (string, error)) error {
	settle, patience := r.way.Settled()
	for end := r.way.Now().Add(patience); ; {
		got, err := ask(ctx)
		if err != nil {
			return err
		}
		if got == expected {
			break
		}
		if !r.way.Now().Before(end) {
			return &Failure{Line: s.Line, Text: s.Text, Expected: expected, Got: got}
		}
		if err := pause(ctx, r.way, lookAgain); err != nil {
			return err
		}
	}
	if err := pause(ctx, r.way, settle); err != nil {
		return err
	}
	got, err := ask(ctx)
	if err == nil && got != expected {
		err = &Failure{Line: s.Line, Text: s.Text, Expected: expected, Got: got + ", after it had been as expected"}
	}
	return err
}

// lookAgain is how often a check looks.
const lookAgain = 50 * time.Millisecond

// pause waits where that changes nothing but what is under way.
func pause(ctx context.Context, way Way, d time.Duration) error {
	if d == 0 {
		return nil
	}
	return way.Wait(ctx, d)
}
