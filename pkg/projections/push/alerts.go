package push

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
)

// decision decides on what is due of a session.
type decision struct {
	line      *line
	desk      *desk
	projector *Projector
	// after is how far it has come through the members: what failed is asked again from there.
	after events.UserID
	// met: it came to the last of them. again: some were decided on before.
	met, again bool
}

// on decides on a batch, all alerts or one other matter. It says false while the view has not come so far.
func (w *decision) on(ctx context.Context, batch []*item) (bool, error) {
	session, err := w.projector.opts.View.Session(ctx, w.line.session)
	if err != nil {
		return false, err
	}
	for _, it := range batch {
		if it.Session == w.line.session && session.Seq < it.Seq {
			return false, nil
		}
	}
	switch batch[0].turn() {
	case touches:
		return w.touches(ctx, batch)
	case hides:
		return w.hide(ctx, batch[0])
	case alerts:
	}
	return w.alerts(ctx, session, batch)
}

// asked is a member who is to be told of an alert, if nothing speaks against it.
type asked struct {
	*about
	item *item
	Member
	// since is why they need not be told, as the log says of what the view may not have yet; mostly empty.
	since Reason
}

// toDevices is the reason of a user's entry where it is the devices' to say.
const toDevices Reason = "devices"

func (w *decision) alerts(ctx context.Context, session Session, batch []*item) (bool, error) {
	view := w.projector.opts.View
	var seqs []events.Seq
	for _, it := range batch {
		seqs = append(seqs, it.Seq)
	}
	became, err := view.Messages(ctx, w.line.session, seqs)
	if err != nil {
		return false, err
	}
	since := w.line.since()
	abouts := make([]*about, len(batch))
	for i, it := range batch {
		b, is := since.became[it.Seq]
		if !is {
			b = became[it.Seq]
		}
		at := session
		at.Blocked = at.Blocked || it.Seq < since.blocked
		abouts[i] = &about{it.matter, at, b}
	}
	for !w.met {
		members, err := view.Members(ctx, w.line.session, w.after, MaxUsers)
		if err != nil {
			return false, err
		}
		var all []asked
		for _, m := range members {
			m.Marker = max(m.Marker, since.read[m.User])
			for j, a := range abouts {
				if a.concerns(&m) {
					all = append(all, asked{a, batch[j], m, since.why(a, m.User)})
				}
			}
		}
		if err := w.page(ctx, all); err != nil {
			w.again = true
			return false, err
		}
		if w.met = len(members) < MaxUsers; !w.met {
			w.after = members[len(members)-1].User
		}
	}
	if err := w.unmet(ctx, abouts); err != nil {
		return false, err
	}
	w.desk.decided(batch...)
	return true, nil
}

// told is what a user is told on a device, once decided.
type told struct {
	*asked
	entry   Entry
	device  Device
	content events.ShownContent
}

// page decides on some people, and sends.
func (w *decision) page(ctx context.Context, all []asked) error {
	if len(all) == 0 {
		return nil
	}
	now := time.Now()
	facts, err := w.facts(ctx, all)
	if err != nil {
		return err
	}
	var users []Entry
	var devices [][]told
	for i := range all {
		a := &all[i]
		why, on := facts.judge(a, now)
		if why == NoDevice {
			w.projector.metrics.count(a.alert.kind, NoDevice, 1)
			continue
		}
		e := a.entry("", why, now)
		if why == "" {
			e.Ahead = opening(on)
		}
		users, devices = append(users, e), append(devices, on)
	}
	if err := w.looking(ctx, facts, devices); err != nil {
		return err
	}
	unread, names, err := w.words(ctx, devices)
	if err != nil {
		return err
	}
	var open []told
	err = w.decide(ctx, users, func(i int, e Entry, _ bool) {
		if e.Reason == toDevices {
			open = append(open, devices[i]...)
		}
	})
	if err != nil {
		return err
	}
	entries := make([]Entry, len(open))
	for i := range open {
		entries[i] = open[i].entry
	}
	var letters []*letter
	var over endings
	err = w.decide(ctx, entries, func(i int, e Entry, found bool) {
		if !e.Open() {
			return
		}
		x := w.letter(&open[i], e, found, unread[e.User], names[open[i].Actor], now)
		// Somebody began to bring it, and now something may speak against that.
		if why := open[i].entry.Reason; why != Sending {
			over.add(x, why, now)
		} else {
			letters = append(letters, x)
		}
	})
	if err == nil {
		letters, err = w.overtaken(ctx, letters, &over, now)
	}
	if err == nil {
		err = w.settle(ctx, over.settled)
	}
	if err != nil {
		return err
	}
	w.send(letters)
	return nil
}

// overtaken leaves out letters that were on their way when a process ended, and whose device shows a later one since: to bring them again would put that away.
func (w *decision) overtaken(ctx context.Context, letters []*letter, over *endings, now time.Time) (rest []*letter, err error) {
	var queries []Query
	for _, x := range letters {
		if x.unsure {
			queries = append(queries, Query{x.person.user, x.person.device, x.session, x.ofCall()})
		}
	}
	if len(queries) == 0 {
		return letters, nil
	}
	phones, err := w.projector.opts.Store.Phones(ctx, queries)
	if err != nil {
		return nil, err
	}
	for _, x := range letters {
		if x.unsure {
			shown := phones[0].Shown
			phones = phones[1:]
			if shown != nil && shown.Seq > x.entry.Seq {
				over.add(x, Superseded, now)
				continue
			}
		}
		rest = append(rest, x)
	}
	return rest, nil
}

// settle ends what is not to be sent.
func (w *decision) settle(ctx context.Context, over []Settled) error {
	if len(over) == 0 {
		return nil
	}
	if _, err := w.projector.opts.Store.Settle(ctx, over); err != nil {
		return err
	}
	for i := range over {
		w.projector.metrics.decided(&over[i].Entry)
	}
	return nil
}

// decide claims entries. What each stands as is given to use: as it was decided now, or before.
func (w *decision) decide(ctx context.Context, entries []Entry, use func(i int, e Entry, found bool)) error {
	for from := 0; from < len(entries); from += MaxEntries {
		part := entries[from:min(len(entries), from+MaxEntries)]
		before, err := w.projector.opts.Store.Decide(ctx, part)
		if err != nil {
			return err
		}
		for i := range part {
			e := part[i]
			switch {
			case before[i] != nil:
				w.again = true
				stands := *before[i]
				stands.ID, stands.User = e.ID, e.User
				e = stands
			case !e.Open() && e.Reason != toDevices:
				w.projector.metrics.decided(&e)
			}
			use(from+i, e, before[i] != nil)
		}
	}
	return nil
}

func (w *decision) send(letters []*letter) {
	w.desk.fly(letters)
	w.projector.office.send(letters)
}

func (a *asked) entry(device string, why Reason, now time.Time) Entry {
	if why == "" {
		why = toDevices
	}
	return Entry{
		ID:   noteID(a.alert.kind, string(a.Session), fmt.Sprint(a.Seq), string(a.User), device),
		User: a.User, At: a.At, Device: device, Session: a.Session, Seq: a.Seq, Kind: a.alert.kind, Reason: why, Decided: millis(now),
	}
}

func (w *decision) letter(t *told, e Entry, found bool, unread int, sender string, now time.Time) *letter {
	if sender == "" {
		sender = string(t.Actor)
	}
	p := person{user: t.User, device: t.entry.Device, push: t.device.Push, content: t.content, badge: unread}
	deadline := t.item.until
	if t.alert.kind == Call {
		deadline = deadline.Add(RingFor - MaxAge)
	}
	return &letter{
		kind: t.alert.kind, entry: e, about: t.about, sender: sender, person: p, since: t.device.Since, session: t.Session, deadline: deadline, looked: now,
		note: w.projector.opts.Style.note(t.about, e.ID, &p, sender), unsure: e.Attempts > 0, maybe: e.Attempts > 0, found: found, desk: w.desk, item: t.item,
	}
}

// words reads what notes say besides: of those who are to be told, what is unread, and of senders their names.
func (w *decision) words(ctx context.Context, devices [][]told) (unread map[events.UserID]int, names map[events.UserID]string, err error) {
	unread = map[events.UserID]int{}
	senders := map[events.UserID]bool{}
	for _, on := range devices {
		for i := range on {
			if on[i].entry.Open() {
				unread[on[i].User] = 0
				senders[on[i].Actor] = true
			}
		}
	}
	if len(unread) == 0 {
		return unread, nil, nil
	}
	if err := w.unread(ctx, unread); err != nil {
		return nil, nil, err
	}
	var who []events.UserID
	for u := range senders {
		who = append(who, u)
	}
	names, err = w.projector.opts.View.Names(ctx, who)
	return unread, names, err
}

// unread fills in what is unread for users.
func (w *decision) unread(ctx context.Context, of map[events.UserID]int) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	users := make([]events.UserID, 0, len(of))
	for u := range of {
		users = append(users, u)
	}
	for _, u := range users {
		group.Go(func() error {
			n, err := w.projector.opts.View.Unread(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			of[u] = n
			return err
		})
	}
	return group.Wait()
}
