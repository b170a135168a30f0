package push

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
)

// Bounds of asking about the letters of a call.
const (
	// stillTimeout is how long it may take.
	stillTimeout = 5 * time.Second
	// countTimeout is how long counting what is unread may take of it: that is a read for each of a user's sessions, and a notification is worth more than its number.
	countTimeout = 2 * time.Second
)

// answer is whether a letter is still to be brought: why it is not, if it is known at all.
type answer struct {
	why   Reason
	known bool
}

// stillAll asks of letters that waited whether they are still to be brought, to which token, and saying what; and of those that show nothing whether there is anything to do.
func (o *office) stillAll(letters []*letter, now time.Time) []answer {
	answers := make([]answer, len(letters))
	ctx, cancel := context.WithTimeout(o.ctx, stillTimeout)
	defer cancel()
	counting, stop := context.WithTimeout(ctx, countTimeout)
	defer stop()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, x := range letters {
		if now.Sub(x.looked) < lookAgain && !o.latest.recounts(x) {
			answers[i].known = true
			continue
		}
		group.Go(func() error {
			why, err := o.ask(ctx, counting, x, now)
			if err != nil {
				o.metrics.outages.Inc()
				o.logger.Warn("push: cannot ask whether a note is still to be brought; trying again", "error", err)
				return nil
			}
			x.looked, x.counted, answers[i] = now, time.Now(), answer{why, true}
			return nil
		})
	}
	_ = group.Wait() // each said so of its own
	o.lateAll(ctx, letters, answers)
	return answers
}

// lateAll looks at what devices show and have, for the letters that show nothing.
func (o *office) lateAll(ctx context.Context, letters []*letter, answers []answer) {
	var quiet []int
	var queries []Query
	for i, x := range letters {
		if answers[i] == (answer{known: true}) && !x.note.Kind.Shown() {
			quiet, queries = append(quiet, i), append(queries, Query{x.person.user, x.person.device, x.session, x.ofCall()})
		}
	}
	if len(quiet) == 0 {
		return
	}
	phones, err := o.store.Phones(ctx, queries)
	if err != nil {
		o.metrics.outages.Inc()
		o.logger.Warn("push: cannot look what phones show; trying again", "error", err)
	}
	for at, i := range quiet {
		if answers[i].known = err == nil; err == nil {
			answers[i].why = letters[i].late(&phones[at])
		}
	}
}

// ask asks about one; counting is for what is unread.
func (o *office) ask(ctx, counting context.Context, x *letter, now time.Time) (Reason, error) {
	user := x.person.user
	reach, err := o.view.Reach(ctx, x.session, []events.UserID{user})
	if err != nil {
		return "", err
	}
	r := reach[user]
	if why, err := o.device(ctx, x, &r); why != "" || err != nil {
		return why, err
	}
	if x.person.badge, err = o.view.Unread(counting, user); err != nil {
		if x.note.Kind == Badge {
			return "", err
		}
		o.metrics.outages.Inc()
		x.person.badge = -1
	}
	x.note.Badge = x.person.badge
	if x.about == nil {
		return "", nil
	}
	return o.alert(ctx, x, r, now)
}

// device looks at where the letter goes now.
func (o *office) device(ctx context.Context, x *letter, r *Reach) (Reason, error) {
	d, there := r.Devices[x.person.device]
	app := App{d.Push.Service, d.Push.Package}
	switch {
	case !there:
		return NoDevice, nil
	case d.Push.Token == "":
		return NoToken, nil
	case app != x.app():
		return TokenReplaced, nil
	case o.died(&d):
		return TokenGone, nil
	}
	holders, err := o.view.Holders(ctx, []events.PushToken{d.Push})
	if err != nil {
		return "", err
	}
	if !holders[0].Holds(x.person.user, x.person.device) {
		return TokenMoved, nil
	}
	x.person.push, x.since = d.Push, d.Since
	return "", nil
}

// alert looks at what became of what it is about, at what the user wants now and where they are, and writes the note anew.
func (o *office) alert(ctx context.Context, x *letter, r Reach, now time.Time) (Reason, error) {
	user, a := x.person.user, x.about
	m, err := o.view.Member(ctx, x.session, user)
	if err != nil {
		return "", err
	}
	session, err := o.view.Session(ctx, x.session)
	if err != nil {
		return "", err
	}
	became, err := o.view.Messages(ctx, x.session, []events.Seq{a.Seq})
	if err != nil {
		return "", err
	}
	fresh := &about{a.matter, session, became[a.Seq]}
	if why := fresh.seen(&m); why != "" {
		return why, nil
	}
	if why := fresh.ofUser(user, r, now, &o.zones); why != "" {
		return why, nil
	}
	if r.Hides {
		if hidden, err := o.view.Hidden(ctx, user, x.session, a.alert.index); err != nil || hidden {
			return WasHidden, err
		}
	}
	states, err := o.presence.Of(ctx, user)
	if err != nil {
		return "", err
	}
	x.looks = activeOn(&states[0], x.person.device)
	switch {
	case fresh.ofPresence(&r.Notifications, &states[0]) != "":
		return UserActive, nil
	case x.looks:
		return DeviceActive, nil
	}
	x.about, x.person.content = fresh, r.Notifications.Content
	x.note = o.style.note(fresh, x.note.ID, &x.person, x.sender)
	return "", nil
}
