package pushkill

import (
	"fmt"
	"math/rand/v2"

	"annal/internal/app"
	"annal/internal/pushkill/check"
)

// pushed is the app that phones have.
const pushed = "kill.annal"

// habit is what somebody does while messages come.
type habit int

const (
	// offline registered phones, and is gone.
	offline habit = iota
	// reads at once what comes, on a laptop.
	reads
	// dawdles: is away, and reads some seconds later.
	dawdles
	// away is connected, and looks at nothing.
	away
	// looks at a laptop without reading, and looksAtPhone at their first phone.
	looks
	looksAtPhone
)

// habits are how they are spread: 40 of 100 offline, half of the rest reading at once.
var habits = []struct {
	habit
	of100 int
}{{offline, 40}, {reads, 30}, {dawdles, 8}, {away, 9}, {looks, 8}, {looksAtPhone, 5}}

type person struct {
	name string
	habit
	*check.Person
	token    string
	sessions []*session
}

// session is a conversation of people.
type session struct {
	id      string
	members []*person
}

func (s *session) direct() bool { return len(s.members) == 2 }

// plan is who there is, and who is in what with whom.
type plan struct {
	dice     *rand.Rand
	people   []*person
	sessions []*session
}

const laptop = "laptop"

func newPlan(seed uint64, n int, services *app.PushStandIns) *plan {
	p := &plan{dice: rand.New(rand.NewPCG(seed, uint64(n)))}
	for i := range n {
		one := &person{name: fmt.Sprintf("p%d", i), Person: &check.Person{Phones: map[string]check.Phone{}, Muted: map[string]bool{}}}
		for left := i * 100 / n; ; one.habit++ {
			if left -= habits[one.habit].of100; left < 0 {
				break
			}
		}
		for k := range 1 + p.dice.IntN(2) {
			server := services.Servers[p.dice.IntN(len(services.Servers))]
			one.Phones[fmt.Sprintf("phone-%d", k)] = check.Phone{Service: server.Name(), Token: server.Token(server.URL)}
		}
		p.settle(one)
		p.people = append(p.people, one)
	}
	for range n * 3 / 10 {
		p.meet(2)
	}
	for range n * 2 / 10 {
		p.meet(3 + p.dice.IntN(10))
	}
	return p
}

// settle says what somebody wants, and where they are.
func (p *plan) settle(one *person) {
	switch one.habit {
	case offline:
		one.Wants = map[int]check.Wants{0: check.None, 1: check.Mentions}[p.dice.IntN(20)]
	case reads:
		// Most would be told on their phones all the same, were it not for the reading.
		one.On, one.Others = laptop, p.dice.IntN(4) > 0
	case dawdles, away:
		one.On, one.Away = laptop, true
	case looks:
		one.On = laptop
	case looksAtPhone:
		one.On, one.Others = "phone-0", true
	}
}

// meet puts people together who were not before.
func (p *plan) meet(n int) {
	for {
		s := &session{}
		for _, i := range p.dice.Perm(len(p.people))[:n] {
			s.members = append(s.members, p.people[i])
		}
		if s.direct() && p.know(s.members[0], s.members[1]) {
			continue
		}
		for _, one := range s.members {
			one.sessions = append(one.sessions, s)
		}
		p.sessions = append(p.sessions, s)
		return
	}
}

// know says whether two have a session of their own.
func (p *plan) know(a, b *person) bool {
	for _, s := range a.sessions {
		if s.direct() && (s.members[0] == b || s.members[1] == b) {
			return true
		}
	}
	return false
}
