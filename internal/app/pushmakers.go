package app

import (
	"maps"
	"slices"
)

// pushMakers are the services that there are.
func pushMakers() map[string]pushMaker {
	return map[string]pushMaker{}
}

func pushServices() []string { return slices.Sorted(maps.Keys(pushMakers())) }
