package hot

import (
	"testing"
	"time"

	"annal/internal/bubble"
)

// A view that reaches less far than one that was seen is older, until that has lasted: then there is no other.
func TestHorizon(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := NewHorizon(2)
		look := func(what string, p int32, v ViewState, want bool) {
			t.Helper()
			if got := h.Older(p, h.Seen(p), v); got != want {
				t.Errorf("%s: older is %v", what, got)
			}
		}
		whole := func(reached int64) ViewState { return ViewState{ID: "v", Whole: true, Reached: reached} }
		look("the first", 0, whole(5), false)
		look("further", 0, whole(9), false)
		look("another partition's", 1, whole(3), false)
		look("less far", 0, whole(8), true)
		look("one that is built", 0, ViewState{ID: "w"}, false)
		look("as far as before", 0, whole(9), false)
		look("less far again", 0, whole(5), true)
		pass(t, olderFor-time.Second)
		look("for almost as long as it may", 0, whole(5), true)
		pass(t, time.Hour)
		look("another one much later", 0, whole(5), true)
		pass(t, olderFor/2)
		look("still", 0, whole(5), true)
		pass(t, olderFor/2)
		look("for good", 0, whole(5), false)
		look("and on from there", 0, whole(6), false)
		look("less far than that", 0, whole(5), true)
		before := h.Seen(0)
		look("what another reads meanwhile", 0, whole(9), false)
		if h.Older(0, before, whole(6)) {
			t.Error("what was asked for before another was answered is taken for older")
		}
		look("what is asked for after that", 0, whole(8), true)
	})
}

func pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
