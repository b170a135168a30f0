package huawei

import (
	"testing"
	"time"

	huaweifake "annal/internal/devstack/pushfakes/huawei"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

func TestAccess(t *testing.T) {
	wrong, later := push.Answer{Result: push.Misconfigured}, push.Answer{Result: push.Retry, All: true}
	vendor.TestAccess(t, pushtest.Access{
		Life: time.Hour, NoGood: []string{"80200001", "80200003", "401"},
		Denied: []pushtest.Said{{Names: "1101/20171 403", Want: wrong}, {Names: "503 590", Want: later}},
	}, (*huaweifake.Fake).Revoke)
}

// TestEndedForHuawei: a token that has ended by Huawei's clock is renewed.
func TestEndedForHuawei(t *testing.T) {
	r := vendor.Open(t)
	for i, drift := range []time.Duration{0, 2 * time.Hour} {
		r.Drift(drift)
		if a := r.One(t, r.Write("x")); a.Result != push.Delivered || r.Asked(tokenPath) != i+1 {
			t.Errorf("%+v after %d tokens", a, r.Asked(tokenPath))
		}
	}
}
