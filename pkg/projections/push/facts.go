package push

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// facts are what is known of people when it is decided.
type facts struct {
	projector *Projector
	reach     map[events.UserID]Reach
	presence  map[events.UserID]*presence.State
	holders   map[string]Holder
	hidden    map[*asked]bool
}

// facts reads what is needed, and of people no more than that.
func (w *decision) facts(ctx context.Context, all []asked) (*facts, error) {
	f := &facts{projector: w.projector, presence: map[events.UserID]*presence.State{}, holders: map[string]Holder{}, hidden: map[*asked]bool{}}
	var users []events.UserID
	for i := range all {
		if len(users) == 0 || users[len(users)-1] != all[i].User {
			users = append(users, all[i].User)
		}
	}
	view, now := w.projector.opts.View, time.Now()
	var err error
	if f.reach, err = view.Reach(ctx, w.line.session, users); err != nil {
		return nil, err
	}
	users = users[:0]
	var tokens []events.PushToken
	var rest []*asked
	for i := range all {
		a := &all[i]
		if f.early(a, now) != "" {
			continue
		}
		rest = append(rest, a)
		if len(users) > 0 && users[len(users)-1] == a.User {
			continue
		}
		users = append(users, a.User)
		for _, d := range f.reach[a.User].Devices {
			if d.Push.Token != "" {
				tokens = append(tokens, d.Push)
			}
		}
	}
	if len(users) == 0 {
		return f, nil
	}
	states, err := w.projector.opts.Presence.Of(ctx, users...)
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		f.presence[u] = &states[i]
	}
	holders, err := view.Holders(ctx, tokens)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		f.holders[tokenKey(&tokens[i])] = holders[i]
	}
	return f, f.hide(ctx, view, rest)
}

// hide finds who hid the message from themselves.
func (f *facts) hide(ctx context.Context, view View, rest []*asked) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, a := range rest {
		if a.alert.kind == Contact || !f.reach[a.User].Hides || f.active(a) {
			continue
		}
		group.Go(func() error {
			is, err := view.Hidden(ctx, a.User, a.Session, a.alert.index)
			mu.Lock()
			defer mu.Unlock()
			f.hidden[a] = is
			return err
		})
	}
	return group.Wait()
}

// early is why a user gets none, as far as that can be said without knowing where they are.
func (f *facts) early(a *asked, now time.Time) Reason {
	r := f.reach[a.User]
	if len(r.Devices) == 0 {
		return NoDevice
	}
	if why := cmp.Or(a.seen(&a.Member), a.since); why != "" {
		return why
	}
	return a.ofUser(a.User, r, now, &f.projector.office.zones)
}

func (f *facts) active(a *asked) bool {
	r := f.reach[a.User]
	return a.ofPresence(&r.Notifications, f.presence[a.User]) != ""
}

// judge says why a user gets none, and what becomes of it on each device if that was not so before.
func (f *facts) judge(a *asked, now time.Time) (why Reason, on []told) {
	switch why = f.early(a, now); {
	case why != "":
	case f.hidden[a]:
		why = WasHidden
	case f.active(a):
		why = UserActive
	}
	r := f.reach[a.User]
	for id, d := range r.Devices {
		is := why
		if is == "" {
			is = f.ofDevice(a, id, &d)
		}
		if is == "" {
			is = Sending
		}
		e := a.entry(id, is, now)
		e.Service, e.Package = d.Push.Service, d.Push.Package
		on = append(on, told{asked: a, entry: e, device: d, content: r.Notifications.Content})
	}
	return why, on
}

func (f *facts) ofDevice(a *asked, id string, d *Device) Reason {
	_, configured := f.projector.opts.Services.Of(App{d.Push.Service, d.Push.Package})
	switch {
	case d.Push.Token == "":
		return NoToken
	case activeOn(f.presence[a.User], id):
		return DeviceActive
	case !configured:
		return NotConfigured
	case !f.holders[tokenKey(&d.Push)].Holds(a.User, id):
		return TokenMoved
	case f.projector.office.died(d):
		return TokenGone
	}
	return ""
}

// looking notes that the numbers of devices that are told nothing since their users look at them are not what we set any more: their apps set them.
func (w *decision) looking(ctx context.Context, f *facts, devices [][]told) error {
	var marks []Mark
	known := map[Mark]bool{}
	for _, on := range devices {
		for i := range on {
			e := &on[i].entry
			if e.Reason != DeviceActive && (e.Reason != UserActive || !activeOn(f.presence[e.User], e.Device)) {
				continue
			}
			m := Mark{User: e.User, Device: e.Device}
			if s, ok := w.projector.opts.Services.Of(App{e.Service, e.Package}); ok && s.Abilities().Badge && !known[m] {
				known[m] = true
				marks = append(marks, m)
			}
		}
	}
	if len(marks) == 0 {
		return nil
	}
	return w.projector.opts.Store.Put(ctx, nil, marks)
}
