package scenario

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
	"annal/pkg/session"
)

// Rules is the way that is the rules alone: commands are decided and folded in memory, one
// after the other, at a log time that moves only when the scenario lets it. There are no
// connections, no engines and no processes. What becomes of those changes nothing that
// follows, so such steps fold the log again and compare.
type Rules struct {
	now  events.Millis
	rows map[events.SessionID]table
	log  []stored
	// folded are the sessions by a second opinion, which tells what is seen of them.
	folded map[events.SessionID]*fold.Session
	// known are the people who have their own session.
	known map[string]bool
	// holders are whose device registered a push token last.
	holders map[string]string
}

var _ Way = (*Rules)(nil)

// table is a session's rows.
type table map[events.Key]events.Row

type stored struct {
	outcome events.Outcome
	value   []byte
}

// rulesEpoch is when scenarios begin there.
const rulesEpoch events.Millis = 1_764_000_000_000

// NewRules begins a world without anything in it.
func NewRules() *Rules {
	return &Rules{
		now: rulesEpoch, rows: map[events.SessionID]table{}, folded: map[events.SessionID]*fold.Session{}, known: map[string]bool{}, holders: map[string]string{},
	}
}

// Now implements Way.
func (w *Rules) Now() time.Time { return time.UnixMilli(int64(w.now)) }

// Wait implements Way.
func (w *Rules) Wait(_ context.Context, d time.Duration) error {
	w.now += events.Millis(d.Milliseconds())
	return nil
}

// Settled implements Way: everything is so at once.
func (w *Rules) Settled() (settle, patience time.Duration) { return 0, 0 }

// Do implements Way.
func (w *Rules) Do(ctx context.Context, who Who, m *clientv1.ClientFrame, how How) (*clientv1.ServerFrame, error) {
	// Only then does the next one begin: commands that come together are decided as they stand.
	defer how.Started()
	if m.GetCloseAccount() != nil {
		return nil, notHere("what a closed account means for other sessions is no rule of one")
	}
	if d := m.GetSetDevice(); d.GetPush().GetToken() != "" {
		holder := who.Person + " " + d.GetDevice()
		if had := w.holders[d.GetPush().GetToken()]; had != "" && had != holder {
			return nil, notHere("what a token's last registration means for those before is no rule of one session")
		}
		w.holders[d.GetPush().GetToken()] = holder
	}
	if err := w.hello(who.Person); err != nil {
		return nil, err
	}
	actor := events.Actor{User: events.UserID(who.Person)}
	if how.Service {
		actor.Service = "scenario"
	}
	c, refusal := gateway.CommandOf(m, actor, gateway.DefaultPolicies())
	if refusal == nil {
		refusal = c.Validate()
	}
	if refusal != nil && refusal.Code != events.CodeInvalidText {
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{
			Code: string(refusal.Code), Message: refusal.Detail, Seq: uint64(refusal.Seq),
		}}}, nil
	}
	if err := gateway.AddWishes(ctx, w, &c); err != nil {
		return nil, err
	}
	o, err := w.decide(c)
	return gateway.AnswerOf("", &o), err
}

// hello gives a person their own session, as a gateway does.
func (w *Rules) hello(user string) error {
	if w.known[user] {
		return nil
	}
	w.known[user] = true
	_, err := w.decide(events.Command{
		Session: events.NewSelfID(events.UserID(user)), Actor: events.Actor{User: events.UserID(user)}, ClientID: "self",
		Op: events.Create{Kind: events.KindSelf, Policy: gateway.DefaultPolicies()[events.KindSelf]},
	})
	return err
}

func (w *Rules) decide(c events.Command) (events.Outcome, error) {
	t := w.table(c.Session)
	at := w.next()
	o := session.Decide(t, &c, at)
	return o, w.take(t, o)
}

func (w *Rules) next() session.At {
	return session.At{Time: w.now, ID: events.NewID(w.now, "scenario", 0, int64(len(w.log)+1))}
}

func (w *Rules) take(t table, o events.Outcome) error {
	rec, err := events.EncodeOutcome(o, events.Stamp{}, events.Envelope{})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	t.apply(session.Evolve(t, &o, sha256.Sum256(rec.Value)))
	w.log = append(w.log, stored{o, rec.Value})
	f := w.folded[o.Session]
	if f == nil {
		f = fold.NewSession(o.Session)
		w.folded[o.Session] = f
	}
	f.Add(o, rec.Value)
	if len(f.Faults) > 0 {
		return fmt.Errorf("the log is not sound: %s", f.Faults[0])
	}
	return nil
}

func (w *Rules) table(s events.SessionID) table {
	if w.rows[s] == nil {
		w.rows[s] = table{}
	}
	return w.rows[s]
}

// refold folds the log into new rows, which must be those that deciding made.
func (w *Rules) refold() error {
	fresh := NewRules()
	for _, s := range w.log {
		o, err := events.DecodeOutcomeValue(s.value)
		if err != nil {
			return fmt.Errorf("the log cannot be read: %w", err)
		}
		t := fresh.table(o.Session)
		t.apply(session.Evolve(t, &o, sha256.Sum256(s.value)))
	}
	for s, t := range w.rows {
		if len(t) > 0 && !reflect.DeepEqual(fresh.rows[s], t) {
			return fmt.Errorf("folding the log of %s again gives other rows", s)
		}
	}
	return nil
}

// Get implements session.Rows.
func (t table) Get(k events.Key) (events.Row, bool) {
	r, ok := t[k]
	return r, ok
}

// First implements session.Rows.
func (t table) First(prefix events.Key, n int) []events.Key {
	var keys []events.Key
	for k := range t {
		if strings.HasPrefix(string(k), string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))]
}

func (t table) apply(writes []events.Write) {
	for _, w := range writes {
		if w.Row == nil {
			delete(t, w.Key)
		} else {
			t[w.Key] = w.Row
		}
	}
}

// Device implements Way.
func (w *Rules) Device(_ context.Context, s *Step) (*clientv1.ServerFrame, error) {
	switch s.Verb {
	case "connect", "disconnect", "kill":
		if len(s.Options) == 0 {
			return nil, w.refold()
		}
	}
	return nil, notHere("there are no connections")
}

// Live implements Way.
func (w *Rules) Live(Who) (Live, error) { return Live{}, notHere("there are no connections") }

// Archive implements Way.
func (w *Rules) Archive() (archive.View, error) { return nil, ErrNoArchive }

// Phones implements Way.
func (w *Rules) Phones() (Phones, error) { return nil, errNoPhones }

// World implements Way.
func (w *Rules) World(_ context.Context, s *Step) (*clientv1.ServerFrame, error) {
	switch s.Verb {
	case "verify":
		if len(s.Args) > 0 {
			return nil, ErrNoArchive
		}
		return nil, w.refold()
	case "restart", "empty", "lose", "cut", "rebuild", "trim":
		return nil, w.refold()
	case "inject":
		if s.Args[1] == "command" {
			t := w.table(events.SessionID(s.Args[0]))
			o := session.Malformed(t, events.SessionID(s.Args[0]), w.next(), "no message at all")
			return gateway.AnswerOf("", &o), w.take(t, o)
		}
		return nil, notHere("there is no log to write into")
	}
	if s.Verb == "needs" {
		return nil, notHere("there is no %s", s.Args[0])
	}
	return nil, notHere("there are no processes")
}
