package vivo

import (
	"fmt"
	"net/http"
	"testing"

	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
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
		r := vendor.Open(t)
		letters := r.Same(200, "the same")
		bad := map[int]bool{}
		for _, i := range c.bad {
			bad[i] = true
			r.Fail(pushtest.Failure{Token: letters[i].Token, Name: c.fault, Times: -1})
		}
		for i, a := range r.Send(t.Context(), letters) {
			if bad[i] != (a.Result == push.Gone && a.Code == "10302") || !bad[i] && a.Result != push.Delivered {
				t.Errorf("%s %v, letter %d: %+v", c.fault, c.bad, i, a)
			}
			if s := r.Phone(letters[i].Token); (s.Came == 1) == bad[i] {
				t.Errorf("%s %v, letter %d came %d times", c.fault, c.bad, i, s.Came)
			}
		}
		if lists, saved := r.Asked(listPath), r.Asked(savePath); lists != c.lists || saved != 1 {
			t.Errorf("%s %v: %d calls, %d saved", c.fault, c.bad, lists, saved)
		}
	}
}

// TestListsRefused: where every list is refused and nobody is named, calls come to an end, and nobody who had none alone is gone.
func TestListsRefused(t *testing.T) {
	r := vendor.Open(t)
	letters := r.Same(200, "the same")
	for _, l := range letters {
		r.Fail(pushtest.Failure{Token: l.Token, Name: "list-unnamed", Times: -1})
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
	lists, single := r.Asked(listPath), r.Asked(sendPath)
	if lists+single != 32 || gone != single || gone+later != len(letters) || gone == 0 {
		t.Errorf("%d gone, %d later, %d lists, %d alone", gone, later, lists, single)
	}
}

// TestListNames: those that a refusal names get what is said of each, whoever else is named.
func TestListNames(t *testing.T) {
	r := vendor.Open(t)
	asked := 0
	letters := r.Same(3, "the same")
	body := fmt.Sprintf(`{"result":10302,"desc":"d","invalidUsers":[{"status":4,"userid":%q},{"status":1,"userid":"somebody"}]}`, letters[0].Token)
	r.Instead = func(request *http.Request) *http.Response {
		if request.URL.Path != listPath || asked > 0 {
			return nil
		}
		asked++
		return pushrig.Raw{Status: 200, Body: body}.Answer(request)
	}
	answers := r.Send(t.Context(), letters)
	if answers[0] != (push.Answer{Result: push.Refused, Code: "10302", Text: "status 4"}) || answers[1].Result != push.Delivered || answers[2].Result != push.Delivered {
		t.Errorf("%+v", answers)
	}
}
