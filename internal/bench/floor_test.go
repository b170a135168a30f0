package bench

import (
	"testing"
	"time"

	"annal/internal/devstack"
)

func TestTheFloorIsMeasuredUnderEveryLoad(t *testing.T) {
	log, err := devstack.StartKfake(devstack.KfakeOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var results []Result
	if err := floor(t.Context(), log.Addrs(), 50*time.Millisecond, func(r Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	if len(results) != len(floorLoads()) {
		t.Errorf("%d results, want %d: %+v", len(results), len(floorLoads()), results)
	}
	for _, r := range results {
		if r.Count == 0 || r.P50MS <= 0 || r.PerSecond <= 0 {
			t.Errorf("nothing was measured: %+v", r)
		}
	}
}
