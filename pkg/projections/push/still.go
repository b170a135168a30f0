package push

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
)

// stillTimeout is how long it may take to ask.
const stillTimeout = 5 * time.Second

// answer is whether a letter is still to be brought: why it is not, if it is known at all.
type answer struct {
	why   Reason
	known bool
}

// stillAll asks of letters that waited whether they are still to be brought, to which token, and saying what.
func (o *office) stillAll(letters []*letter, now time.Time) []answer {
	answers := make([]answer, len(letters))
	ctx, cancel := context.WithTimeout(o.ctx, stillTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, x := range letters {
		if now.Sub(x.looked) < lookAgain {
			answers[i].known = true
			continue
		}
		group.Go(func() error {
			why, err := o.ask(ctx, x, now)
			if err != nil {
				o.metrics.outages.Inc()
				o.logger.Warn("push: cannot ask whether a note is still to be brought; trying again", "error", err)
				return nil
			}
			x.looked, answers[i] = now, answer{why, true}
			return nil
		})
	}
	_ = group.Wait() // each said so of its own
	return answers
}

func (o *office) ask(ctx context.Context, x *letter, now time.Time) (Reason, error) {
	user := x.person.user
	reach, err := o.view.Reach(ctx, x.session, []events.UserID{user})
	if err != nil {
		return "", err
	}
	r := reach[user]
	if why, err := o.device(ctx, x, &r); why != "" || err != nil {
		return why, err
	}
	if x.note.Badge >= 0 {
		if x.person.badge, err = o.view.Unread(ctx, user); err != nil {
			return "", err
		}
		x.note.Badge = x.person.badge
	}
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
	switch {
	case fresh.ofPresence(&r.Notifications, &states[0]) != "":
		return UserActive, nil
	case activeOn(&states[0], x.person.device):
		return DeviceActive, nil
	}
	x.about, x.person.content = fresh, r.Notifications.Content
	x.note = o.style.note(fresh, x.note.ID, &x.person, x.sender)
	return "", nil
}
