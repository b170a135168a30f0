package scenario_test

import (
	"context"
	"fmt"
	"testing"

	"annal/internal/devstack/pushfakes"
	"annal/internal/scenario"
	"annal/internal/sim"
)

// inProcessPhones are phones behind the push services of the system in this process.
type inProcessPhones struct{ *sim.Cluster }

var _ scenario.Phones = inProcessPhones{}

// New implements Phones.
func (inProcessPhones) New(_ context.Context, service, name string) (scenario.Phone, error) {
	return scenario.Phone{Service: service, Package: "org.example", Token: fmt.Sprintf("the token of %s at %s", name, service)}, nil
}

// Screen implements Phones.
func (p inProcessPhones) Screen(_ context.Context, of scenario.Phone) (scenario.Screen, error) {
	is := p.Cluster.Screen(pushfakes.Phone(of))
	screen := scenario.Screen{Came: is.Came, Quiet: is.Quiet, Badge: is.Badge}
	for _, n := range is.Shown {
		screen.Shown = append(screen.Shown, scenario.Shown{Title: n.Title, Body: n.Body})
	}
	return screen, nil
}

// Fail implements Phones.
func (p inProcessPhones) Fail(_ context.Context, service string, f scenario.Fault) error {
	name := map[string]string{
		scenario.FaultGone: sim.PushGone, scenario.FaultBusy: sim.PushBusy, scenario.FaultRefuse: sim.PushRefuse, scenario.FaultWrong: sim.PushWrong,
		scenario.FaultCut: pushfakes.CutBefore, scenario.FaultLost: pushfakes.CutAfter, scenario.FaultHang: pushfakes.Hang,
	}[f.Name]
	return p.FailPush(service, pushfakes.Fault{Name: name, Token: f.Token, Times: f.Times, RetryAfter: f.After, Since: f.Since})
}

// phoneStory is one in which every check of a phone can be wrong.
const phoneStory = `scenario Phones
phone K1 uses apns
u2/phone set_device phone token=K1
u2/phone disconnect
u1 create group S u2 name=Tea
u1 send S hello
`

// TestPhoneChecks: each check of a phone is content with what is so, and says what is otherwise.
func TestPhoneChecks(t *testing.T) {
	for step, wrong := range map[string]string{
		"phone K1 came 1":                   "phone K1 came 2",
		"phone K1 came 1 within=3s":         "phone K1 came 1 within=1s",
		"phone K1 quiet 0":                  "phone K1 quiet 1",
		"phone K1 badge 1":                  "phone K1 badge 2",
		`phone K1 shows "Tea: u1: hello"`:   `phone K1 shows "Tea: u1: bye"`,
		"push apns gone phone=K1":           "push apns gone phone=K2",
		"push fcm busy after=1s times=ever": "push fcm late",
		"push apns well":                    "push post well",
		"phone K3 uses fcm":                 "phone K3 uses fcm meizu",
	} {
		for text, sound := range map[string]bool{step: true, wrong: false} {
			all, err := scenario.Parse("phones", phoneStory+text)
			if err != nil {
				t.Fatal(err)
			}
			if result := runInProcess(t, &all[0]); (result.Failed == nil) != sound || result.NotRun != "" {
				t.Errorf("%s: %v %s", text, result.Failed, result.NotRun)
			}
		}
	}
}
