package e2e

import (
	"testing"

	"annal/internal/annaltest"
)

func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	d := annaltest.Deploy(t)
	p := annaltest.Meet(t, annaltest.Connect(t, d.File(), d.Token(t, "alice"), ""), annaltest.Connect(t, d.File(), d.Token(t, "bob"), ""))
	p.Converse(t)
	f := p.Flow(t)
	f.GoesOn(t, 50)
	for _, role := range []string{"sequencer", "hot", "gateway"} {
		d.Roles[role].Crash(t)
		f.GoesOn(t, 50)
	}
	f.Finish(t)
	annaltest.Verify(t, d.File())
}
