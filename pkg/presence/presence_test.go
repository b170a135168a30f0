package presence_test

import (
	"testing"
	"time"

	"annal/pkg/presence"
	"annal/pkg/presence/presencetest"
)

func TestMemory(t *testing.T) {
	presencetest.Run(t, func(*testing.T) presencetest.Fixture {
		now := time.Unix(1_700_000_000, 0)
		m := presence.NewMemory(func() time.Time { return now })
		return presencetest.Fixture{Store: m, Pass: func(_ *testing.T, d time.Duration) { now = now.Add(d) }, Empty: func(*testing.T) { m.Empty() }}
	})
}
