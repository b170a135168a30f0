package vivo

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"annal/pkg/projections/push"
)

// TestListRefused: a list that is refused as a whole for some of its phones reaches the others all the same, and only phones that were named, or had a call
// alone, are gone.
func TestListRefused(t *testing.T) {
	for _, c := range []struct {
		fault string
		bad   []int
		lists int
	}{
		{"list-named", []int{1}, 2},
		{"list-named", []int{0, 7, 199}, 2},
		{"list-unnamed", []int{1}, 14},
		{"list-unnamed", []int{3, 120}, 25},
	} {
		r := open(t)
		letters := r.same(200)
		bad := map[int]bool{}
		for _, i := range c.bad {
			bad[i] = true
			r.fail(letters[i].Token, c.fault, -1)
		}
		for i, a := range r.Send(t.Context(), letters) {
			if bad[i] != (a.Result == push.Gone && a.Code == "10302") || !bad[i] && a.Result != push.Delivered {
				t.Errorf("%s %v, letter %d: %+v", c.fault, c.bad, i, a)
			}
			if s := r.screen(letters[i].Token); (s.Came == 1) == bad[i] {
				t.Errorf("%s %v, letter %d came %d times", c.fault, c.bad, i, s.Came)
			}
		}
		if calls := r.calls(); calls[listPath] != c.lists || calls[savePath] != 1 {
			t.Errorf("%s %v: %v", c.fault, c.bad, calls)
		}
	}
}

// TestListsRefused: where every list is refused and nobody is named, calls come to an end, and nobody who had none alone is gone.
func TestListsRefused(t *testing.T) {
	r := open(t)
	letters := r.same(200)
	for _, l := range letters {
		r.fail(l.Token, "list-unnamed", -1)
	}
	gone, later := 0, 0
	for i, a := range r.Send(t.Context(), letters) {
		switch {
		case a.Result == push.Gone:
			gone++
		case a.Result == push.Retry && a.Code == "10302" && !a.Unsure && !a.All:
			later++
		default:
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	calls := r.calls()
	if calls[listPath]+calls[sendPath] != 32 || gone != calls[sendPath] || gone+later != len(letters) || gone == 0 {
		t.Errorf("%d gone, %d later, %v", gone, later, calls)
	}
}

// TestListNames: those that a refusal names get what is said of each, whoever else is named.
func TestListNames(t *testing.T) {
	r := open(t)
	asked := 0
	letters := r.same(3)
	body := fmt.Sprintf(`{"result":10302,"desc":"d","invalidUsers":[{"status":4,"userid":%q},{"status":1,"userid":"somebody"}]}`, letters[0].Token)
	r.client = &http.Client{Transport: carrier(func(request *http.Request) (*http.Response, error) {
		if request.URL.Path != listPath || asked > 0 {
			return r.server.Client().Do(request)
		}
		asked++
		return answering(r, 200, "", body)(request)
	})}
	answers := r.Send(t.Context(), letters)
	if answers[0] != (push.Answer{Result: push.Refused, Code: "10302", Text: "status 4"}) || answers[1].Result != push.Delivered || answers[2].Result != push.Delivered {
		t.Errorf("%+v", answers)
	}
}

// TestLongAnswer: of an answer that is longer than is read nobody knows what it says.
func TestLongAnswer(t *testing.T) {
	r := open(t)
	r.client = &http.Client{Transport: answering(r, 200, "", `{"result":0,"desc":"`+strings.Repeat("x", maxBody)+`"}`)}
	if a := r.one(t, r.letter("x")); a.Result != push.Retry || !a.Unsure {
		t.Errorf("%+v", a)
	}
}
