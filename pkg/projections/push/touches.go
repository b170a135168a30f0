package push

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// touches sets right what phones show after users have read, or left, or muted.
func (w *decision) touches(ctx context.Context, batch []*item) (bool, error) {
	if through, err := w.through(ctx, batch); !through || err != nil {
		return false, err
	}
	of := map[events.UserID][]*item{}
	for _, it := range batch {
		users, err := w.concerned(ctx, it)
		if err != nil {
			return false, err
		}
		w.desk.wait(it, users)
		for _, u := range users {
			of[u] = append(of[u], it)
		}
	}
	became, err := w.broughtOnes(ctx, batch)
	if err != nil {
		return false, err
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(of)), MaxUsers) {
		if err := w.setRight(ctx, part, func(s *spot) (*item, bool, error) { return w.takesBack(ctx, of[s.User], s, became) }); err != nil {
			return false, err
		}
	}
	w.desk.decided(batch...)
	return true, nil
}

// concerned are the users that a touch is about.
func (w *decision) concerned(ctx context.Context, it *item) ([]events.UserID, error) {
	if it.touch.contact == 0 {
		return it.touch.users, nil
	}
	members, err := w.projector.opts.View.Members(ctx, it.touch.of, "", MaxUsers)
	if err != nil {
		return nil, err
	}
	users := []events.UserID{it.Actor}
	for i := range members {
		if members[i].User != it.Actor {
			users = append(users, members[i].User)
		}
	}
	return users, nil
}

// through says whether the view has what was done. Of the session, where that has a seq, that is known; what users read has none, and the view that has the last has those before.
func (w *decision) through(ctx context.Context, batch []*item) (bool, error) {
	view := w.projector.opts.View
	var last *item
	selves := map[events.SessionID]events.Seq{}
	for _, it := range batch {
		switch {
		case it.parent != nil: // what was done was looked at before
		case it.Session != w.line.session:
			selves[it.Session] = max(selves[it.Session], it.Seq)
		case it.touch.upTo > it.Seq && (last == nil || last.last < it.last):
			last = it
		}
	}
	for self, seq := range selves {
		if s, err := view.Session(ctx, self); err != nil || s.Seq < seq {
			return false, err
		}
	}
	if last == nil {
		return true, nil
	}
	m, err := view.Member(ctx, w.line.session, last.touch.users[0])
	return m.Marker >= last.touch.upTo, err
}

// broughtOnes says what became of messages that came to phones late.
func (w *decision) broughtOnes(ctx context.Context, batch []*item) (map[events.Seq]Became, error) {
	var seqs []events.Seq
	for _, it := range batch {
		if seq := it.touch.brought.seq; seq > 0 && !slices.Contains(seqs, seq) {
			seqs = append(seqs, seq)
		}
	}
	if len(seqs) == 0 {
		return nil, nil
	}
	return w.projector.opts.View.Messages(ctx, w.line.session, seqs)
}

// takesBack says whether what a device shows of the session is taken back by one of a user's touches, and which one sets it right. It is called for many at once.
func (w *decision) takesBack(ctx context.Context, of []*item, s *spot, became map[events.Seq]Became) (it *item, is bool, err error) {
	for _, it = range of {
		shown := s.phone.Shown
		if shown == nil {
			continue
		}
		if is = it.touch.takesBack(shown.Kind, shown.Seq); !is && it.touch.brought.seq == shown.Seq {
			is, err = w.late(ctx, s, it.touch.brought, became[shown.Seq])
		}
		if is || err != nil {
			return it, is, err
		}
	}
	return it, false, nil
}

// late says whether what came to a device should not be shown there any more.
func (w *decision) late(ctx context.Context, s *spot, b brought, became Became) (bool, error) {
	switch {
	case s.phone.Shown.Kind == Contact: // what answers it is in this partition
		return false, nil
	case became.Revoked, became.Deleted:
		return true, nil
	}
	view := w.projector.opts.View
	m, err := view.Member(ctx, s.Session, s.User)
	if err != nil || !m.In() || m.Marker >= b.seq {
		return err == nil, err
	}
	if !s.hides {
		return false, nil
	}
	return view.Hidden(ctx, s.User, s.Session, b.index)
}

// hide takes back what shows a message that is no more.
func (w *decision) hide(ctx context.Context, it *item) (bool, error) {
	w.desk.wait(it, nil)
	for {
		members, err := w.projector.opts.View.Members(ctx, it.Session, w.after, MaxUsers)
		if err != nil {
			return false, err
		}
		users := make([]events.UserID, len(members))
		for i := range members {
			users[i] = members[i].User
		}
		hidden := func(s *spot) (*item, bool, error) {
			return it, s.phone.Shown != nil && s.phone.Shown.Seq == it.hides, nil
		}
		if err := w.setRight(ctx, users, hidden); err != nil {
			return false, err
		}
		if len(members) < MaxUsers {
			break
		}
		w.after = users[len(users)-1]
	}
	w.desk.decided(it)
	return true, nil
}

// spot is a device that may show what it should not.
type spot struct {
	Query
	Device
	phone Phone
	// hides: the user hid messages of the session from themselves.
	hides bool
}

// setRight takes back what devices of users show of a session, and sets their number where it is not what is unread any more. What is taken back is for takesBack to say, and what
// item has that done.
func (w *decision) setRight(ctx context.Context, users []events.UserID, takesBack func(*spot) (*item, bool, error)) error {
	spots, err := w.spots(ctx, users)
	if err != nil || len(spots) == 0 {
		return err
	}
	unread := map[events.UserID]int{}
	var there []events.UserID
	for i := range spots {
		if _, known := unread[spots[i].User]; !known {
			unread[spots[i].User] = 0
			there = append(there, spots[i].User)
		}
	}
	if err := w.unread(ctx, unread); err != nil {
		return err
	}
	states, err := w.projector.opts.Presence.Of(ctx, there...)
	if err != nil {
		return err
	}
	of := make(map[events.UserID]*presence.State, len(there))
	for i, u := range there {
		of[u] = &states[i]
	}
	items, clears := make([]*item, len(spots)), make([]bool, len(spots))
	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range spots {
		group.Go(func() (err error) {
			items[i], clears[i], err = takesBack(&spots[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var letters []*letter
	now := time.Now()
	for i := range spots {
		s := &spots[i]
		active := activeOn(of[s.User], s.Query.Device)
		if x := w.quiet(items[i], s, unread[s.User], clears[i], active, now); x != nil {
			letters = append(letters, x)
		}
	}
	return w.bring(ctx, letters)
}

// spots are the devices of users of which it is known what they show.
func (w *decision) spots(ctx context.Context, users []events.UserID) ([]spot, error) {
	reach, err := w.projector.opts.View.Reach(ctx, w.line.session, users)
	if err != nil {
		return nil, err
	}
	var queries []Query
	var devices []Device
	var tokens []events.PushToken
	for _, u := range users {
		for id, d := range reach[u].Devices {
			if _, configured := w.projector.opts.Services.Of(App{d.Push.Service, d.Push.Package}); configured && d.Push.Token != "" && !w.projector.office.died(&d) {
				queries, devices, tokens = append(queries, Query{u, id, w.line.session, false}, Query{u, id, w.line.session, true}), append(devices, d), append(tokens, d.Push)
			}
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	phones, err := w.projector.opts.Store.Phones(ctx, queries)
	if err != nil {
		return nil, err
	}
	holders, err := w.projector.opts.View.Holders(ctx, tokens)
	if err != nil {
		return nil, err
	}
	var spots []spot
	for i, p := range phones {
		// A call has a place of its own; the number is the same one.
		known := p.Shown != nil || p.Badge >= 0 && !queries[i].Call
		if known && holders[i/2].Holds(queries[i].User, queries[i].Device) {
			spots = append(spots, spot{queries[i], devices[i/2], p, reach[queries[i].User].Hides})
		}
	}
	return spots, nil
}

// quiet is what sets a device right; nil if there is nothing to be done.
func (w *decision) quiet(it *item, s *spot, unread int, clears, active bool, now time.Time) *letter {
	if s.Call && !clears {
		return nil
	}
	if !clears && unread == s.phone.Badge {
		w.projector.metrics.count(Badge, Unchanged, 1)
		return nil
	}
	if s.phone.Badge < 0 && !clears {
		return nil // nothing was ever set there
	}
	service, ok := w.projector.opts.Services.Of(App{s.Push.Service, s.Push.Package})
	if !ok {
		return nil
	}
	can, kind := service.Abilities(), Badge
	if clears && can.Withdraw {
		kind = Withdraw
	}
	why := Sending
	switch {
	case active:
		why = DeviceActive
	case kind == Badge && (!can.Badge || unread == s.phone.Badge):
		why = Unable
	}
	user := s.User
	// What follows a letter that arrived is another one's than what there was to do at first.
	follows := ""
	if it.parent != nil {
		follows = fmt.Sprint(it.touch.seqs, it.touch.brought.seq, it.touch.checks)
	}
	brought, taken, upTo := "", "", events.Seq(0)
	if s.phone.Shown != nil && clears {
		brought, taken, upTo = s.phone.Shown.VendorID, s.phone.Shown.ID, s.phone.Shown.Seq
	}
	// So is what it takes back, and the number: read again, a touch may do for others than it did.
	id := noteID(kind, string(w.line.session), fmt.Sprint(w.desk.partition), fmt.Sprint(it.offset), string(user), s.Query.Device, follows, taken, fmt.Sprint(unread))
	return &letter{
		kind: kind,
		entry: Entry{
			ID: id, User: user, At: it.At, Device: s.Query.Device, Session: w.line.session, Kind: kind, Reason: why, Decided: millis(now),
			Service: s.Push.Service, Package: s.Push.Package,
		},
		person: person{user: user, device: s.Query.Device, push: s.Push}, since: s.Since, session: w.line.session,
		note: w.projector.opts.Style.quiet(kind, id, w.line.session, s.Call, unread, brought, it.until), clears: upTo, call: s.Call,
		deadline: it.until, looked: now, desk: w.desk, item: it,
	}
}

// bring sends letters that are to be sent. Nobody claims them: to do it again changes nothing, and what phones show, as noted, says whether there is anything to do. A device
// that is active sets itself right: that is noted.
func (w *decision) bring(ctx context.Context, letters []*letter) error {
	var going []*letter
	var right []Settled
	for _, x := range letters {
		switch x.entry.Reason {
		case Sending:
			going = append(going, x)
		case DeviceActive:
			right = append(right, Settled{Entry: x.entry, Call: x.call, Clear: x.clears, Badge: x.note.Badge})
			w.projector.office.brought(x)
		default:
			w.projector.metrics.decided(&x.entry)
		}
	}
	if err := w.settle(ctx, right); err != nil {
		return err
	}
	w.send(going)
	return nil
}
