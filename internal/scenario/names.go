package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// Names are what a scenario calls people and sessions, and what they are called where it
// runs: a run on a live deployment has people of its own.
type Names struct {
	prefix   string
	sessions map[string]string
	// phones are by what the scenario calls them.
	phones map[string]Phone
	// Now is the time by which spans are made times; nil: the system's.
	now func() time.Time
}

func newNames(prefix string, now func() time.Time) *Names {
	return &Names{prefix: prefix, sessions: map[string]string{}, phones: map[string]Phone{}, now: now}
}

func (n *Names) user(person string) string { return n.prefix + person }

// person is the other way round.
func (n *Names) person(user string) string { return strings.TrimPrefix(user, n.prefix) }

// session gives a label's session, and of self:u1 that of a person alone; what is neither stands for itself, so that a session that
// does not exist can be named.
func (n *Names) session(label string) string {
	if person, ok := strings.CutPrefix(label, "self:"); ok {
		return string(events.NewSelfID(events.UserID(n.user(person))))
	}
	if id, ok := n.sessions[label]; ok {
		return id
	}
	return label
}

// label is the other way round.
func (n *Names) label(session string) string {
	for label, id := range n.sessions {
		if id == session {
			return label
		}
	}
	return session
}

// people writes u*3 out as u1 u2 u3.
func people(words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		m := repeated.FindStringSubmatch(w)
		if m == nil {
			out = append(out, w)
			continue
		}
		times, err := strconv.Atoi(m[2])
		if err != nil || times > maxPeople {
			return nil, fmt.Errorf("%s are more than %d people", w, maxPeople)
		}
		for i := range times {
			out = append(out, m[1]+strconv.Itoa(i+1))
		}
	}
	return out, nil
}

// maxPeople bounds a step's.
const maxPeople = 10_000

func (n *Names) users(words []string) ([]string, error) {
	all, err := people(words)
	if err != nil {
		return nil, err
	}
	for i, p := range all {
		all[i] = n.user(p)
	}
	return all, nil
}

// members reads u2 and u3:admin.
func (n *Names) members(words []string) ([]*logv1.NewMember, error) {
	all, err := people(words)
	if err != nil {
		return nil, err
	}
	out := make([]*logv1.NewMember, len(all))
	for i, w := range all {
		person, role, given := strings.Cut(w, ":")
		out[i] = &logv1.NewMember{User: n.user(person)}
		if given {
			r, err := enum(role, roles)
			if err != nil {
				return nil, err
			}
			out[i].Role = r
		}
	}
	return out, nil
}

// enum reads a word of a table.
func enum[T any](w string, table map[string]T) (T, error) {
	v, ok := table[w]
	if !ok {
		var all []string
		for k := range table {
			all = append(all, k)
		}
		slices.Sort(all)
		return v, fmt.Errorf("%q is none of %s", w, strings.Join(all, ", "))
	}
	return v, nil
}

// nameOf is the word of a table for a value.
func nameOf[T comparable](v T, table map[string]T) string {
	for k, is := range table {
		if is == v {
			return k
		}
	}
	return fmt.Sprint(v)
}

var (
	roles = map[string]logv1.Role{"member": logv1.Role_ROLE_MEMBER, "admin": logv1.Role_ROLE_ADMIN, "owner": logv1.Role_ROLE_OWNER}
	kinds = map[string]logv1.Kind{
		"direct": logv1.Kind_KIND_DIRECT, "group": logv1.Kind_KIND_GROUP, "self": logv1.Kind_KIND_SELF, "channel": logv1.Kind_KIND_CHANNEL,
	}
	joinings = map[string]logv1.Joining{
		"closed": logv1.Joining_JOINING_CLOSED, "open": logv1.Joining_JOINING_OPEN, "approval": logv1.Joining_JOINING_APPROVAL,
	}
	histories  = map[string]logv1.History{"all": logv1.History_HISTORY_ALL, "stay": logv1.History_HISTORY_STAY}
	priorities = map[string]logv1.Priority{
		"low": logv1.Priority_PRIORITY_LOW, "high": logv1.Priority_PRIORITY_HIGH,
	}
	contactSteps = map[string]logv1.ContactStep{
		"ask": logv1.ContactStep_CONTACT_STEP_ASK, "accept": logv1.ContactStep_CONTACT_STEP_ACCEPT,
		"refuse": logv1.ContactStep_CONTACT_STEP_REFUSE, "remove": logv1.ContactStep_CONTACT_STEP_REMOVE,
		"block": logv1.ContactStep_CONTACT_STEP_BLOCK, "unblock": logv1.ContactStep_CONTACT_STEP_UNBLOCK,
	}
)
