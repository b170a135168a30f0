package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The rules.
const (
	// Twice: a phone showed a message twice.
	Twice = "shown twice"
	// Unwanted: a phone showed what was read or revoked before the hold ended, or what its user does not want.
	Unwanted = "shown against the rules"
	// Lost: a phone was not shown what it should be, and no reason for that is right.
	Lost = "lost"
	// Sums: reasons do not add up, or something is open.
	Sums = "do not add up"
)

// Verdict is what World.Judge finds.
type Verdict struct {
	// Pairs are messages and people to whom they are; Decisions the entries about them; Quiet those that show nothing.
	Pairs, Decisions, Quiet int
	// Reasons counts decisions.
	Reasons map[string]int
	// Shown are notifications that came, and Repeats those of them that had come before.
	Shown, Repeats int
	// Unsure are calls that were made again, as push says.
	Unsure int
	// Back counts those that took the place of a later one.
	Back int
	// Behind is the longest time from the end of a hold to the decision.
	Behind time.Duration
	// Took are, ascending, from the log time of a message to the service having taken its notification.
	Took     []time.Duration
	problems map[string][]string
}

// OK says whether there is nothing to find fault with.
func (v *Verdict) OK() bool { return len(v.problems) == 0 }

// Count is how many problems there are by a rule.
func (v *Verdict) Count(rule string) int { return len(v.problems[rule]) }

// stamp is how log times are told, so that they can be found in logs.
const stamp = "15:04:05.000"

// mostLines is how many problems of a rule are told.
const mostLines = 10

// Lines tell problems.
func (v *Verdict) Lines() []string {
	var lines []string
	for _, rule := range []string{Twice, Unwanted, Lost, Sums} {
		for i, p := range v.problems[rule] {
			if i == mostLines {
				lines = append(lines, fmt.Sprintf("%s: and %d more", rule, len(v.problems[rule])-mostLines))
				break
			}
			lines = append(lines, rule+": "+p)
		}
	}
	return lines
}

// Within is the time within which a part of the notifications was with the service.
func (v *Verdict) Within(part float64) time.Duration {
	if len(v.Took) == 0 {
		return 0
	}
	return v.Took[int(part*float64(len(v.Took)-1))]
}

func (v *Verdict) say(rule, format string, args ...any) {
	v.problems[rule] = append(v.problems[rule], fmt.Sprintf(format, args...))
}

// is names a message.
type is struct {
	session string
	seq     uint64
}

func (m is) String() string { return fmt.Sprintf("%s/%d", m.session, m.seq) }

// matter is a message and one to whom it is.
type matter struct {
	is
	user string
}

func (m matter) String() string { return fmt.Sprintf("%s to %s", m.is, m.user) }

// owner is whose a phone is.
type owner struct{ user, device string }

// judging is a verdict on its way.
type judging struct {
	*World
	*Verdict
	messages map[is]*Message
	owners   map[Phone]owner
	reads    map[string][]Read // by session and user
	entries  map[matter][]Entry
	came     map[Phone]map[is][]Came
	newest   map[Phone]map[string][]Came // by session
}

// Judge holds all against the rules.
func (w *World) Judge() *Verdict {
	j := &judging{
		World: w, Verdict: &Verdict{Reasons: map[string]int{}, problems: map[string][]string{}},
		messages: map[is]*Message{}, owners: map[Phone]owner{}, reads: map[string][]Read{}, entries: map[matter][]Entry{},
		came: map[Phone]map[is][]Came{}, newest: map[Phone]map[string][]Came{},
	}
	j.index()
	j.screens()
	for i := range w.Messages {
		m := &w.Messages[i]
		for _, user := range m.To {
			j.Pairs++
			j.matter(m, user)
		}
	}
	for m, rest := range j.entries {
		j.say(Sums, "%s: %d entries, and it is not theirs", m, len(rest))
	}
	slices.Sort(j.Took)
	return j.Verdict
}

func (j *judging) index() {
	for i := range j.Messages {
		m := &j.Messages[i]
		j.messages[is{m.Session, m.Seq}] = m
	}
	for user, p := range j.People {
		for device, phone := range p.Phones {
			j.owners[phone] = owner{user, device}
		}
	}
	for _, r := range j.Reads {
		key := r.Session + " " + r.User
		j.reads[key] = append(j.reads[key], r)
	}
	for _, e := range j.Entries {
		j.Unsure += e.Repeats
		if e.Reason == "sending" {
			j.say(Sums, "%s to %s on %q, kind %s: open at the end, after %d calls", is{e.Session, e.Seq}, e.User, e.Device, e.Kind, e.Attempts)
		}
		if e.Kind != "message" {
			j.Quiet++
			continue
		}
		j.Decisions++
		j.Reasons[e.Reason]++
		m := matter{is{e.Session, e.Seq}, e.User}
		j.entries[m] = append(j.entries[m], e)
		if e.Reason == "delivered" {
			j.Took = append(j.Took, e.Settled.Sub(e.At))
		}
		j.Behind = max(j.Behind, e.Decided.Sub(e.At)-j.Hold)
	}
}

// screens lets everything come to phones again, and looks at what each shows at any time.
func (j *judging) screens() {
	screens := map[Phone][]Came{}
	for _, c := range j.Came {
		j.Shown++
		m, o := is{c.Session, c.Seq}, j.owners[c.Phone]
		if known := j.messages[m]; known == nil || !slices.Contains(known.To, o.user) {
			j.say(Unwanted, "%s on %s of %s: it is not theirs", m, o.device, o.user)
			continue
		}
		if j.came[c.Phone] == nil {
			j.came[c.Phone], j.newest[c.Phone] = map[is][]Came{}, map[string][]Came{}
		}
		if len(j.came[c.Phone][m]) > 0 {
			j.Repeats++
		}
		j.came[c.Phone][m] = append(j.came[c.Phone][m], c)
		j.newest[c.Phone][c.Session] = append(j.newest[c.Phone][c.Session], c)
		screen := slices.DeleteFunc(screens[c.Phone], func(s Came) bool {
			gone := s.ID == c.ID || s.Collapse == c.Collapse
			if gone && s.Session == c.Session && s.Seq > c.Seq {
				j.Back++
			}
			return gone
		})
		if slices.ContainsFunc(screen, func(s Came) bool { return s.Session == c.Session && s.Seq == c.Seq }) {
			j.say(Twice, "%s on %s of %s: there are two on the screen", m, o.device, o.user)
		}
		screens[c.Phone] = append(screen, c)
	}
}

// matter judges what became of a message for one to whom it is.
func (j *judging) matter(m *Message, user string) {
	p, at := j.People[user], matter{is{m.Session, m.Seq}, user}
	entries := j.entries[at]
	delete(j.entries, at)
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Device, b.Device) })
	var on []string
	for _, e := range entries {
		on = append(on, e.Device)
	}
	ofUser := len(on) == 1 && on[0] == ""
	if devices := sorted(p.Phones); !ofUser && !slices.Equal(on, devices) {
		j.say(Sums, "%s of %s: there are entries of %q, want one of %q, or one of the user", at, m.At.UTC().Format(stamp), on, devices)
	}
	for device, phone := range p.Phones {
		came := j.came[phone][at.is]
		if why := j.mustNot(m, user, device); why != "" && len(came) > 0 {
			j.say(Unwanted, "%s on %s, %s after its log time: %s", at, device, came[0].At.Sub(m.At).Round(time.Millisecond), why)
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Device == device || e.Device == "" })
		if i < 0 {
			if len(came) == 0 {
				j.say(Lost, "%s on %s: nothing came, and nothing is said of it", at, device)
			}
			continue
		}
		j.device(m, at, device, phone, &entries[i])
	}
}

// device holds what came to a device against what is said of it.
func (j *judging) device(m *Message, at matter, device string, phone Phone, e *Entry) {
	came := j.came[phone][at.is]
	if len(came) > 1+e.Repeats {
		j.say(Twice, "%s on %s: it came %d times, and push knows of %d repeats", at, device, len(came), e.Repeats)
	}
	if len(came) > 0 && e.Reason != "delivered" && e.Attempts == 0 {
		j.say(Sums, "%s on %s: it came, and push says %s", at, device, e.Reason)
	}
	if why := j.wrong(m, at, phone, e); why != "" {
		j.say(Lost, "%s on %s (%s): push says %s %s, but %s", at, device, phone.Service, e.Reason, e.Code, why)
	}
}

func sorted(phones map[string]Phone) []string {
	var all []string
	for d := range phones {
		all = append(all, d)
	}
	slices.Sort(all)
	return all
}
