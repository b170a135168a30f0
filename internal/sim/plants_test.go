package sim

import (
	"maps"
	"testing"
)

// most is within how many seeds every planted bug must show.
const most = 2000

func plants() map[string]Plant {
	all := maps.Clone(logPlants)
	maps.Copy(all, hotPlants)
	maps.Copy(all, rebuildPlants)
	maps.Copy(all, snapshotPlants)
	maps.Copy(all, stewardPlants)
	maps.Copy(all, archivePlants)
	maps.Copy(all, vaultPlants)
	maps.Copy(all, pushPlants)
	return all
}

// TestPlantedBugs: the simulation finds what it is for. Each bug is put in through a
// port, and some seed must see it that sees nothing without it.
func TestPlantedBugs(t *testing.T) {
	for name, plant := range plants() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(most) {
				if _, violations := live(t, seed, plant, false); len(violations) > 0 {
					t.Logf("seed %d: %s", seed, violations[0])
					if _, sound := live(t, seed, Plant{Odds: plant.Odds}, false); len(sound) > 0 {
						t.Errorf("seed %d without the bug: %s", seed, sound[0])
					}
					return
				}
			}
			t.Errorf("none of %d seeds sees it", most)
		})
	}
}
