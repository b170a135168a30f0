package push

import (
	"context"
	"time"

	"annal/pkg/events"
)

// stillTimeout is how long it may take to ask.
const stillTimeout = 5 * time.Second

// still says why a letter that waited is not to be brought after all; empty: it is, to the device's present token. ok is false when that can't be said
// now.
func (o *office) still(x *letter, now time.Time) (why Reason, ok bool) {
	if now.Sub(x.looked) < lookAgain {
		return "", true
	}
	ctx, cancel := context.WithTimeout(o.ctx, stillTimeout)
	defer cancel()
	why, err := o.ask(ctx, x, now)
	if err != nil {
		o.metrics.outages.Inc()
		o.logger.Warn("push: cannot ask whether a note is still to be brought; trying again", "error", err)
		return "", false
	}
	x.looked = now
	return why, true
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
	if x.about != nil {
		if why, err := o.alert(ctx, x, r, now); why != "" || err != nil {
			return why, err
		}
	}
	if x.note.Badge < 0 {
		return "", nil
	}
	x.note.Badge, err = o.view.Unread(ctx, user)
	return "", err
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

// alert looks at what became of what it is about.
func (o *office) alert(ctx context.Context, x *letter, r Reach, now time.Time) (Reason, error) {
	m, err := o.view.Member(ctx, x.session, x.person.user)
	if err != nil {
		return "", err
	}
	session, err := o.view.Session(ctx, x.session)
	if err != nil {
		return "", err
	}
	became, err := o.view.Messages(ctx, x.session, []events.Seq{x.about.Seq})
	if err != nil {
		return "", err
	}
	fresh := about{x.about.matter, session, became[x.about.Seq]}
	if why := fresh.seen(&m); why != "" {
		return why, nil
	}
	return fresh.ofUser(x.person.user, r, now, &x.desk.projector.zones), nil
}
