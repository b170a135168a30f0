package app

import "testing"

func TestTheRoomForGarbage(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 200}, {6 << 20, 200}, {12 << 20, 200}, {24 << 20, 100}, {48 << 20, 50}, {60 << 20, 40}, {10 << 30, 40}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("of %d MiB live: %d %%, want %d", c.live>>20, got, c.want)
		}
	}
}
