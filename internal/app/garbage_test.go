package app

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheRoomForGarbage(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 200}, {6 << 20, 200}, {12 << 20, 200}, {24 << 20, 100}, {48 << 20, 50}, {60 << 20, 40}, {80 << 20, 30}, {10 << 30, 30}} {
		if got := percentFor(c.live, 24<<20); got != c.want {
			t.Errorf("of %d MiB live: %d %%, want %d", c.live>>20, got, c.want)
		}
	}
}

func TestTheRoomIsKeptTo(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(mostPercent))
	look, cancel := context.WithCancel(t.Context())
	cancel() // one look
	inForce := func(what string, want int) {
		t.Helper()
		runtime.GC()
		boundGarbage(look, 24<<20)
		if got := debug.SetGCPercent(mostPercent); got != want {
			t.Errorf("%s: the heap may grow by %d %%, want %d", what, got, want)
		}
	}
	inForce("with little live", mostPercent)
	much := make([]byte, 100<<20)
	inForce("with much live", leastPercent)
	runtime.KeepAlive(much)
}
