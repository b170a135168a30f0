package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// pushAbilities are what push services can (docs/push.md).
var pushAbilities = map[string]push.Abilities{
	"apns":    {Batch: 1, AtOnce: 8, Badge: true, Withdraw: true},
	"fcm":     {Batch: 1, AtOnce: 8, Withdraw: true},
	"huawei":  {Batch: 1000, AtOnce: 8},
	"xiaomi":  {Batch: 1000, AtOnce: 8, Withdraw: true},
	"oppo":    {Batch: 1000, AtOnce: 8},
	"vivo":    {Batch: 1000, AtOnce: 4},
	"meizu":   {Batch: 1000, AtOnce: 4},
	"webpush": {Batch: 1, AtOnce: 8},
}

// Faults of a push service, besides those that all stand-ins have.
const (
	// PushGone says that the token is good no more, since Fault.Since if that is given.
	PushGone = "gone"
	// PushBusy asks to come again after Fault.RetryAfter, with everything if the fault is of no token.
	PushBusy = "busy"
	// PushRefuse never takes it, and PushWrong does not accept us.
	PushRefuse = "refuse"
	PushWrong  = "wrong"
)

// vendors are all push services, for whatever app, and the phones behind them.
type vendors struct {
	phones *pushfakes.Phones
	faults map[string]*pushfakes.Faults

	mu sync.Mutex
	// gone is since when tokens are good no more.
	gone map[string]time.Time
}

func newVendors() *vendors {
	v := &vendors{phones: pushfakes.NewPhones(), faults: map[string]*pushfakes.Faults{}, gone: map[string]time.Time{}}
	for name := range pushAbilities {
		v.faults[name] = &pushfakes.Faults{}
	}
	return v
}

// take brings a letter to its phone, and gives the service's id of it.
func (v *vendors) take(service string, l *push.Letter) string {
	n, phone := &l.Note, pushfakes.Phone{Service: service, Package: l.Package, Token: l.Token}
	id := service + " " + n.ID
	switch {
	case n.Kind.Shown():
		v.phones.Show(phone, pushfakes.Shown{
			ID: n.ID, Vendor: id, Collapse: n.Collapse, Title: n.Title, Body: n.Body, Thread: n.Thread, Link: n.Link, Data: maps.Clone(n.Data),
			Urgent: n.Urgent, At: time.Now(),
		}, n.Badge)
	case n.Kind == push.Withdraw:
		v.phones.Withdraw(phone, n.Collapse, n.Brought, n.Badge)
	default:
		v.phones.SetBadge(phone, n.Badge)
	}
	return id
}

// unanswered is what is said of a letter of which nobody knows whether it came.
var unanswered = push.Answer{Result: push.Retry, Unsure: true}

// answer is what a service says to a letter that came to it.
func (v *vendors) answer(ctx context.Context, service string, l *push.Letter) push.Answer {
	fault, ok := v.faults[service].Next(l.Token)
	if !ok {
		return push.Answer{Result: push.Delivered, VendorID: v.take(service, l)}
	}
	switch fault.Name {
	case pushfakes.CutAfter:
		v.take(service, l)
	case pushfakes.Hang:
		<-ctx.Done()
	case PushGone:
		a := push.Answer{Result: push.Gone, Code: fault.Name}
		if !fault.Since.IsZero() {
			a.Since = events.Millis(fault.Since.UnixMilli())
		}
		return a
	case PushBusy:
		return push.Answer{Result: push.Retry, Code: fault.Name, After: fault.RetryAfter, All: fault.Token == ""}
	case PushRefuse:
		return push.Answer{Result: push.Refused, Code: fault.Name}
	case PushWrong:
		return push.Answer{Result: push.Misconfigured, Code: fault.Name}
	}
	return unanswered
}

// netVendors are the services over a process's link.
type netVendors struct {
	link *link
	log  *netLog
	v    *vendors
}

var _ push.Services = netVendors{}

// Of implements push.Services.
func (n netVendors) Of(a push.App) (push.Service, bool) {
	_, known := pushAbilities[a.Service]
	return netVendor{n, a.Service}, known
}

// netVendor is one of them.
type netVendor struct {
	netVendors
	name string
}

var _ push.Service = netVendor{}

// Name implements push.Service.
func (n netVendor) Name() string { return n.name }

// Abilities implements push.Service.
func (n netVendor) Abilities() push.Abilities { return pushAbilities[n.name] }

// Send implements push.Service. What a process that dies has on the way may arrive all the same.
func (n netVendor) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	link := n.link.part("push " + n.name + " " + letters[0].Token)
	err := link.outward(ctx)
	n.came(letters)
	switch {
	case errors.Is(err, errDead):
		if link.dice.n(2) == 0 {
			for i := range letters {
				n.v.take(n.name, &letters[i])
			}
		}
		return slices.Repeat([]push.Answer{unanswered}, len(letters))
	case err != nil:
		return slices.Repeat([]push.Answer{unanswered}, len(letters))
	}
	answers := make([]push.Answer, len(letters))
	for i := range letters {
		answers[i] = n.answer(ctx, link, &letters[i])
	}
	if link.outward(ctx) != nil {
		return slices.Repeat([]push.Answer{unanswered}, len(letters))
	}
	return answers
}

// came notes calls of a process of which the partition was taken.
func (n netVendor) came(letters []push.Letter) {
	for i := range letters {
		note := &letters[i].Note
		if !note.Kind.Shown() || n.log.has(events.SessionID(note.Thread)) {
			continue
		}
		w := n.link.w
		w.mu.Lock()
		w.late[note.ID]++
		w.mu.Unlock()
	}
}

// answer is what the service says, by chance.
func (n netVendor) answer(ctx context.Context, link *link, l *push.Letter) push.Answer {
	if since := n.v.goneSince(l.Token, link.chance(link.odds.pushGone)); !since.IsZero() {
		return push.Answer{Result: push.Gone, Code: PushGone, Since: events.Millis(since.UnixMilli())}
	}
	if link.chance(link.odds.pushBusy) {
		return push.Answer{Result: push.Retry, Code: PushBusy, After: link.dice.between(time.Second, 6*time.Second), All: link.dice.n(3) == 0}
	}
	if link.chance(link.odds.pushCut) {
		if link.dice.n(2) == 0 {
			n.v.take(n.name, l)
		}
		return unanswered
	}
	return n.v.answer(ctx, n.name, l)
}

// goneSince is since when a token is good no more: since now, if it goes; zero: it is good.
func (v *vendors) goneSince(token string, goes bool) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	if goes && v.gone[token].IsZero() {
		v.gone[token] = time.Now()
	}
	return v.gone[token]
}

// renew makes a token good: its app asked for it anew.
func (v *vendors) renew(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.gone, token)
}

// outward is the way to what is no part of the system.
func (l *link) outward(ctx context.Context) error {
	if err := l.thawed(); err != nil {
		return err
	}
	if err := l.delay(ctx); err != nil {
		return err
	}
	return l.thawed()
}

// FailPush tells a push service what is to go wrong; without a name: nothing any more.
func (c *Cluster) FailPush(service string, f pushfakes.Fault) error {
	faults := c.w.vendors.faults[service]
	switch known := []string{PushGone, PushBusy, PushRefuse, PushWrong, pushfakes.CutBefore, pushfakes.CutAfter, pushfakes.Hang}; {
	case faults == nil:
		return fmt.Errorf("sim: there is no push service %q", service)
	case f.Name == "":
		faults.Clear()
	case !slices.Contains(known, f.Name):
		return fmt.Errorf("sim: a push service can't be %q", f.Name)
	default:
		faults.Add(f)
	}
	return nil
}

// Screen is what a phone shows.
func (c *Cluster) Screen(p pushfakes.Phone) pushfakes.Screen { return c.w.vendors.phones.Screen(p) }
