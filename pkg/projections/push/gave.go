package push

import (
	"cmp"
	"slices"
)

// gave are letters that gave way to another one: it is brought in their stead, or else the newest of them is, to which the others give way then.
type gave struct {
	letters []*letter
	// sorted: the newest is the last.
	sorted bool
}

func (g *gave) add(letters ...*letter) {
	g.letters = append(g.letters, letters...)
	g.sorted = false
}

// yield has a letter, and those that gave way to it, give way to another one.
func (x *letter) yield(to *letter) {
	to.gave.add(x.gave.letters...)
	to.gave.add(x)
	x.gave = gave{}
}

// heir gives what is to be brought if a letter is not: the newest of those that gave way to it; nil if none did.
func (x *letter) heir() *letter {
	g := x.gave
	if x.gave = (gave{}); len(g.letters) == 0 {
		return nil
	}
	if !g.sorted {
		slices.SortFunc(g.letters, func(a, b *letter) int { return cmp.Compare(a.entry.Seq, b.entry.Seq) })
	}
	last := len(g.letters) - 1
	newest := g.letters[last]
	g.letters[last] = nil
	newest.gave = gave{g.letters[:last], true}
	return newest
}

// drop takes out what is over.
func (g *gave) drop(over func(*letter) bool) (out []*letter) {
	g.letters = slices.DeleteFunc(g.letters, func(x *letter) bool {
		is := over(x)
		if is {
			out = append(out, x)
		}
		return is
	})
	return out
}

// ofAll says whether why a letter is not brought is so of those that gave way to it, too: it is of the person or the device, or the older they are the sooner.
func (r Reason) ofAll() bool {
	switch r {
	case NoDevice, NoToken, TokenReplaced, TokenMoved, TokenGone, NotConfigured, DeviceActive, HasLeft, IsBanned, IsClosed, IsPaused, IsResting, WasRead, WasBlocked, Expired, WrongSettings:
		return true
	}
	return false
}
