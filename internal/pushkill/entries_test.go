package pushkill

import (
	"context"
	"fmt"
	"math"
	"time"

	"annal/internal/app"
	"annal/internal/pushkill/check"
	"annal/pkg/events"
)

// entries reads what push says of somebody since then, in the checker's terms.
func entries(ctx context.Context, o *app.OpenedPush, user string, since time.Time) ([]check.Entry, error) {
	log, err := o.Store.Log(ctx, events.UserID(user), events.Millis(since.UnixMilli()), math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("what push says of %s: %w", user, err)
	}
	all := make([]check.Entry, len(log))
	for i := range log {
		e := &log[i]
		all[i] = check.Entry{
			User: user, Device: e.Device, Session: string(e.Session), Seq: uint64(e.Seq), Kind: string(e.Kind), Reason: string(e.Reason), Code: e.Code,
			At: at(e.At), Decided: at(e.Decided), Attempts: e.Attempts, Repeats: e.Repeats,
		}
		if e.Settled > 0 {
			all[i].Settled = at(e.Settled)
		}
	}
	return all, nil
}

func at(ms events.Millis) time.Time { return time.UnixMilli(int64(ms)) }
