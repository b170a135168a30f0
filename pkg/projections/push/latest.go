package push

import (
	"time"

	"annal/pkg/events"
)

// maxPlaces is how many places on phones are remembered at least.
const maxPlaces = 100_000

// latest is what was brought to phones last, as far as this process did, and remembers.
type latest struct {
	// shown are by place the seqs of what was shown, and cleared of what was taken back.
	shown, cleared *recent[events.Seq]
	// numbers are by device what brought the last one.
	numbers *recent[numbered]
}

func newLatest() latest {
	return latest{newRecent[events.Seq](MaxAge, maxPlaces), newRecent[events.Seq](MaxAge, maxPlaces), newRecent[numbered](MaxAge, maxPlaces)}
}

// numbered says by when a number was counted, and what it came with.
type numbered struct {
	session events.SessionID
	call    bool
	counted time.Time
}

// brings remembers that a letter's number is about to come.
func (l *latest) brings(x *letter) {
	l.numbers.put(x.device(), func(numbered) numbered { return numbered{x.session, x.ofCall(), x.counted} })
}

// recounts says whether a letter's number is older than one that its device has: that of a letter in another turn than its own. What is in one turn comes in order.
func (l *latest) recounts(x *letter) bool {
	last, known := l.numbers.get(x.device())
	return known && (last.session != x.session || last.call != x.ofCall()) && last.counted.After(x.looked)
}

// device names the device of a letter, whatever its token.
func (l *letter) device() string { return string(l.person.user) + "\x00" + l.person.device }

// place is what letters have in common that take each other's place on a phone.
func (l *letter) place() string { return l.device() + "\x00" + collapseOf(l.session, l.ofCall()) }

func higher(to events.Seq) func(events.Seq) events.Seq {
	return func(was events.Seq) events.Seq { return max(was, to) }
}

// brought remembers what a letter did.
func (o *office) brought(x *letter) {
	switch {
	case x.note.Kind.Shown():
		o.latest.shown.put(x.place(), higher(x.entry.Seq))
	case x.note.Kind == Withdraw:
		o.latest.cleared.put(x.place(), higher(x.clears))
	}
}

// overtaken says whether the phone shows something newer in the place that a letter is for, or would clear. What was taken back since is shown no more.
func (o *office) overtaken(x *letter) bool {
	shown, _ := o.latest.shown.get(x.place())
	if cleared, _ := o.latest.cleared.get(x.place()); shown <= cleared {
		return false
	}
	return x.note.Kind.Shown() && shown > x.entry.Seq || x.note.Kind == Withdraw && shown > x.clears
}

// late is why a letter that shows nothing is not brought, by what its device shows: somebody else may have done it, or shown something newer.
func (x *letter) late(is *Phone) Reason {
	switch shows := is.Shown; {
	case x.note.Kind == Withdraw && shows != nil && shows.Seq > x.clears:
		return Superseded
	case x.note.Kind == Withdraw && shows != nil, is.Badge != x.note.Badge:
		return ""
	}
	return Unchanged
}
