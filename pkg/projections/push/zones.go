package push

import (
	"sync"
	"time"

	"annal/pkg/events"
)

// zones knows time zones by name.
type zones struct {
	mu    sync.Mutex
	known map[string]*time.Location
}

// maxZones bounds what is kept: there are some 600.
const maxZones = 1000

// at gives a zone; UTC for a name that the zone database of this machine does not have.
func (z *zones) at(name string) *time.Location {
	z.mu.Lock()
	defer z.mu.Unlock()
	if loc := z.known[name]; loc != nil {
		return loc
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc = time.UTC
	}
	if z.known == nil || len(z.known) >= maxZones {
		z.known = map[string]*time.Location{}
	}
	z.known[name] = loc
	return loc
}

// rests says whether a moment is within the hours of rest.
func (z *zones) rests(r events.Rest, now time.Time) bool {
	if r.Zone == "" || r.From == r.To {
		return false
	}
	local := now.In(z.at(r.Zone))
	minute := uint16(local.Hour()*60 + local.Minute())
	if r.From < r.To {
		return r.From <= minute && minute < r.To
	}
	return minute >= r.From || minute < r.To
}
