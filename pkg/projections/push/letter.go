package push

import (
	"strings"
	"time"

	"annal/pkg/events"
)

// App names an app at a vendor, as devices register it.
type App struct{ Service, Package string }

// Services are those that are configured, now.
type Services interface {
	Of(a App) (Service, bool)
}

// letter is a note on its way.
type letter struct {
	// kind is the note's, and never changes.
	kind Kind
	// entry is what the store knows of it.
	entry Entry
	// about is nil for what shows nothing, and sender the name of who said it.
	about   *about
	sender  string
	person  person
	since   events.Millis
	note    Note
	session events.SessionID
	// clears is the seq of what the phone shows no more of the session after it; 0: it shows what it did.
	clears events.Seq
	// call: what it clears is a call.
	call bool
	// deadline is when it is given up.
	deadline time.Time
	// due is when it may be tried, and looked when it was last known that it is to be brought.
	due, looked time.Time
	// mark is that of its last call, if that was to change the number; empty: the service can't without showing anything.
	mark string
	// looks: the user looks at the device, so its app sets the number.
	looks bool
	// counted is by when its number was, of old or anew.
	counted time.Time
	gave    gave
	// to is the token that it was queued for.
	to string
	// unsure: nobody knows what came of its last call. maybe: of one of its calls.
	unsure, maybe bool
	// found: it was decided on and open when this process came to it. So another one, or an earlier desk of this one, may know more.
	found bool
	// after are matters that wait for what becomes of it: if it is shown, it is to be taken back. Under the desk's mu.
	after []*item
	// code is what the service last said.
	code string
	desk *desk
	item *item
}

func (l *letter) app() App { return App{l.person.push.Service, l.person.push.Package} }

// ofCall says whether it shows a call, or takes one back.
func (l *letter) ofCall() bool { return l.note.Kind == Call || l.call }

func (l *letter) send() Letter {
	p := &l.person.push
	return Letter{Token: p.Token, Package: p.Package, AppVersion: p.AppVersion, Note: l.note}
}

// settled is the letter's entry with what came of it.
func (l *letter) settled(r Reason, now time.Time) Settled {
	l.entry.Reason, l.entry.Settled, l.entry.Code = r, millis(now), l.code
	s := Settled{Entry: l.entry, Call: l.ofCall(), Badge: -1}
	if r != Brought {
		if l.maybe && r != Superseded && l.note.Kind.Shown() {
			s.Shown = l.shown() // to be taken off the phone when it is to be
		}
		return s
	}
	s.Badge, s.Clear, s.Mark = l.note.Badge, l.clears, l.mark
	if l.note.Kind.Shown() {
		s.Shown = l.shown()
	}
	return s
}

// shown is what the phone shows once it has the letter.
func (l *letter) shown() *Shown {
	return &Shown{ID: l.entry.ID, Seq: l.entry.Seq, At: l.entry.At, Kind: l.note.Kind, VendorID: l.entry.VendorID}
}

func millis(t time.Time) events.Millis { return events.Millis(t.UnixMilli()) }

// tokenKey tells a token from all others.
func tokenKey(p *events.PushToken) string {
	return strings.Join([]string{p.Service, p.Package, p.Token}, "\x00")
}
