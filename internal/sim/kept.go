package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// kept is a session in the hot view.
type kept struct {
	view string
	// broken: put aside; damaged: a part of it is missing.
	broken, damaged bool
	// by is the first change of the call that put it aside.
	by   place
	head hot.Head
	// holes are counted outcomes that could not be read, the last of them at holeAt.
	holes   int
	holeAt  int64
	window  []entry
	members map[events.UserID]events.Member
	states  map[events.Seq]hot.State
	gone    map[events.Index]bool
	// reactions are who put an emoji on a message of the window.
	reactions map[events.Seq]map[string]map[events.UserID]bool
	// facts are by field, traits among them.
	facts map[string]string
}

// place tells a session's changes apart.
type place struct {
	seq, marker events.Seq
	offset      int64
	reader      events.UserID
}

func placeOf(c *hot.Change) place { return place{c.Seq, c.Marker, c.Offset, c.Reader} }

// entry is a timeline event of the window; target is the message it is about.
type entry struct {
	seq, target events.Seq
	value       []byte
}

func newKept(view string, s events.SessionID, c *events.Created) *kept {
	return &kept{
		view: view, members: map[events.UserID]events.Member{}, states: map[events.Seq]hot.State{}, gone: map[events.Index]bool{}, facts: map[string]string{},
		reactions: map[events.Seq]map[string]map[events.UserID]bool{},
		head:      hot.Head{Session: s, Kind: c.Kind, Title: c.Title, Base: c.Base, Seq: c.Base, Policy: c.Policy},
	}
}

// clone is a copy that later changes leave alone.
func (k *kept) clone() *kept {
	c := *k
	c.window, c.members = slices.Clone(k.window), maps.Clone(k.members)
	c.states, c.gone, c.facts = maps.Clone(k.states), maps.Clone(k.gone), maps.Clone(k.facts)
	c.reactions = map[events.Seq]map[string]map[events.UserID]bool{}
	for seq, emojis := range k.reactions {
		c.reactions[seq] = map[string]map[events.UserID]bool{}
		for emoji, users := range emojis {
			c.reactions[seq][emoji] = maps.Clone(users)
		}
	}
	return &c
}

// take takes the next change; false when it does not follow.
func (k *kept) take(c *hot.Change, window int) bool {
	switch {
	case c.Hole:
		if c.Offset > k.holeAt {
			k.holes, k.holeAt = k.holes+1, c.Offset
		}
		return true
	case c.Seq == 0 && c.Reader == "":
		k.learn(c.Facts)
		return true
	case c.Seq == 0:
		k.mark(c.Reader, c.Marker, c.MarkerIndex)
		return true
	case c.Seq <= k.head.Seq:
		return true
	}
	for ; k.holes > 0 && k.head.Seq+1 < c.Seq; k.holes-- {
		k.head.Seq++
		k.add(entry{seq: k.head.Seq, target: k.head.Seq}, window)
	}
	k.holes = 0
	if c.Seq != k.head.Seq+1 {
		return false
	}
	k.head.Seq, k.head.Time = c.Seq, c.Time
	target := c.Target
	if c.Became == hot.BecameNothing {
		target = c.Seq
	}
	k.add(entry{seq: c.Seq, target: target, value: slices.Clone(c.Value)}, window)
	k.event(c)
	return true
}

func (k *kept) add(e entry, window int) {
	k.window = append(k.window, e)
	k.window = k.window[max(0, len(k.window)-window):]
	k.head.WindowStart = k.window[0].seq
	maps.DeleteFunc(k.reactions, func(target events.Seq, _ map[string]map[events.UserID]bool) bool { return target < k.head.WindowStart })
}

func (k *kept) event(c *hot.Change) {
	if c.Index != 0 {
		k.head.Index = c.Index
		k.mark(c.Sender, c.Seq, c.Index)
	}
	for _, m := range c.In {
		k.come(m)
	}
	for _, u := range c.Out {
		k.leave(u)
	}
	k.setRole(c.Promoted, events.RoleOwner)
	for _, m := range c.Roles {
		k.setRole(m.User, m.Role)
	}
	k.head.Closed = k.head.Closed || c.Closed
	if c.Title != nil {
		k.head.Title = *c.Title
	}
	if c.Policy != nil {
		k.head.Policy = *c.Policy
	}
	k.learn(c.Facts)
	state := k.states[c.Target]
	switch c.Became {
	case hot.BecameNothing:
		return
	case hot.BecameRevoked:
		state.Revoked, k.gone[c.TargetIndex] = c.Seq, true
		delete(k.reactions, c.Target)
	case hot.BecameDeleted:
		state.Deleted, k.gone[c.TargetIndex] = c.Seq, true
		delete(k.reactions, c.Target)
	case hot.BecameOverridden:
		state.Overridden = c.Seq
	}
	k.states[c.Target] = state
}

func (k *kept) setRole(u events.UserID, role events.Role) {
	if m, ok := k.members[u]; ok {
		m.Role = role
		k.members[u] = m
	}
}

func (k *kept) learn(facts []hot.Fact) {
	for _, f := range facts {
		switch f.Op {
		case hot.FactSet:
			k.facts[f.Field] = f.Value
		case hot.FactDelete:
			delete(k.facts, f.Field)
		case hot.FactAdd:
			k.facts[f.Field] = strconv.Itoa(leading(k.facts[f.Field]) + leading(f.Value))
		case hot.FactReact:
			k.react(f)
		case hot.FactMention:
			k.facts["mention "+f.Field+" "+f.Value] = ""
		case hot.FactRaise:
			if leading(k.facts[f.Field]) < leading(f.Value) {
				k.facts[f.Field] = f.Value
			}
		}
	}
}

// leading is the number that a text begins with, 0 for none.
func leading(text string) int {
	digits, _, _ := strings.Cut(text, " ")
	n, _ := strconv.Atoi(digits)
	return n
}

// mentions counts unread messages that mention the user, or all.
func (k *kept) mentions(p *hot.Person, u events.UserID, gone map[events.Index]bool) (n uint64) {
	upper := k.head.Index
	if !p.Member.In() {
		upper = p.Member.Stays[len(p.Member.Stays)-1].ToIndex
	}
	for i := p.Member.MarkerIndex + 1; i <= upper; i++ {
		_, one := k.facts[fmt.Sprintf("mention %s %d", u, i)]
		_, all := k.facts[fmt.Sprintf("mention * %d", i)]
		if (one || all) && !gone[i] {
			n++
		}
	}
	return n
}

// standing adds what the facts say to what is read of a person.
func (k *kept) standing(p *hot.Person, u events.UserID) error {
	var values []string
	for _, field := range hot.StandingFields(u) {
		values = append(values, k.facts[field])
	}
	return p.Standing(values)
}

func (k *kept) come(n events.NewMember) {
	m := k.members[n.User]
	stays := append(slices.Clone(m.Stays), events.Stay{From: k.head.Seq, FromIndex: k.head.Index})
	k.members[n.User] = events.Member{
		Role: n.Role, Marker: k.head.Seq, MarkerIndex: k.head.Index, Stays: stays[max(0, len(stays)-events.MaxStays):],
	}
	k.head.Members++
}

func (k *kept) leave(u events.UserID) {
	m, ok := k.members[u]
	if !ok || !m.In() {
		return
	}
	m.Role, m.Stays = 0, slices.Clone(m.Stays)
	last := &m.Stays[len(m.Stays)-1]
	last.To, last.ToIndex = k.head.Seq, k.head.Index
	k.members[u] = m
	k.head.Members--
}

func (k *kept) mark(u events.UserID, marker events.Seq, index events.Index) {
	if m, ok := k.members[u]; ok && marker > m.Marker {
		m.Marker, m.MarkerIndex = marker, index
		k.members[u] = m
	}
}

// unread counts messages after the marker, up to the end of the stay.
func (k *kept) unread(m events.Member, gone map[events.Index]bool) (n uint64) {
	upper := k.head.Index
	switch {
	case len(m.Stays) == 0:
		return 0
	case !m.In():
		upper = m.Stays[len(m.Stays)-1].ToIndex
	}
	if upper <= m.MarkerIndex {
		return 0
	}
	n = uint64(upper - m.MarkerIndex)
	for i := range gone {
		if i > m.MarkerIndex && i <= upper {
			n--
		}
	}
	return n
}

// item shows an event with what became of its message, as far as the window tells.
func (k *kept) item(e *entry, reader []events.UserID) hot.Item {
	told := func(seq events.Seq) events.Seq {
		if seq < k.head.WindowStart {
			return 0
		}
		return seq
	}
	is := k.states[e.target]
	state := hot.State{Revoked: told(is.Revoked), Deleted: told(is.Deleted), Overridden: told(is.Overridden)}
	if state.Overridden != 0 && state.Revoked == 0 && state.Deleted == 0 {
		state.Body = bodyOf(k.window[state.Overridden-k.head.WindowStart].value)
	}
	if e.seq == e.target {
		k.showReactions(&state, e.seq, reader)
	}
	return hot.Item{Seq: e.seq, Value: slices.Clone(e.value), State: state}
}

// bodyOf gives the body that a stored override brings.
func bodyOf(value []byte) events.Body {
	o, err := events.DecodeOutcomeValue(value)
	if err != nil {
		return events.Body{}
	}
	a, _ := o.Result.(events.Accepted)
	e, _ := a.Event.(events.Overridden)
	return e.Body
}
