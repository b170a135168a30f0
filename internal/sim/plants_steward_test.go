package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
	"annal/pkg/sequencer"
	"annal/pkg/session"
)

// forgetsComers is a steward that looks at closings, and not at who is let in later.
type forgetsComers struct{ follow.Handler }

func (f forgetsComers) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	return f.Handler.Handle(ctx, partition, slices.DeleteFunc(slices.Clone(outcomes), func(o follow.Outcome) bool {
		a, ok := o.Result.(events.Accepted)
		_, closes := a.Event.(events.AccountClosed)
		return !ok || !closes
	}))
}

// givesUp is a steward that takes for done what failed.
type givesUp struct{ follow.Handler }

func (g givesUp) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	_ = g.Handler.Handle(ctx, partition, outcomes)
	return nil
}

// tooEarly is a steward that does not wait until the view has what it met.
type tooEarly struct{ steward.View }

func (tooEarly) Through(_ context.Context, partitions []int32) (map[int32]int64, error) {
	through := map[int32]int64{}
	for _, p := range partitions {
		through[p] = math.MaxInt64
	}
	return through, nil
}

// closesAll is a steward that takes every account for closed.
type closesAll struct{ steward.View }

func (closesAll) Closed(context.Context, events.UserID) (bool, error) { return true, nil }

// keepsTokens is a steward that leaves push tokens with whoever had them.
type keepsTokens struct{ steward.View }

func (keepsTokens) Holders(_ context.Context, tokens []events.PushToken) ([][]steward.Holder, error) {
	return make([][]steward.Holder, len(tokens)), nil
}

// oldestHolds is a steward that takes push tokens from whoever registered them later.
type oldestHolds struct{ steward.View }

func (o oldestHolds) Holders(ctx context.Context, tokens []events.PushToken) ([][]steward.Holder, error) {
	all, err := o.View.Holders(ctx, tokens)
	for i := range all {
		slices.Reverse(all[i])
	}
	return all, err
}

// anyIDs is a steward whose commands have another client id each time.
type anyIDs struct{ eventlog.Log }

func (a anyIDs) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	if c, err := events.DecodeCommand(r); err == nil && t == eventlog.Commands {
		c.ClientID = fmt.Sprintf("%s-%d", c.ClientID, time.Now().UnixNano())
		if again, err := events.EncodeCommand(c, events.Envelope{Source: "plant"}); err == nil {
			r = again
		}
	}
	a.Log.Append(ctx, t, partition, r, done)
}

// doneLater is a steward whose progress is committed while it still works: only as long as the process lives does it
// come to the end.
type doneLater struct{ follow.Handler }

func (d doneLater) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	ctx = context.WithoutCancel(ctx)
	go func() {
		for {
			err := d.Handler.Handle(ctx, partition, outcomes)
			if err == nil || errors.Is(err, errDead) {
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	}()
	return nil
}

// leaveOver are rules by which leaving is over otherwise.
type leaveOver struct {
	sequencer.Rules
	over func(*events.Left)
}

func (l leaveOver) Decide(rows session.Rows, c *events.Command, at session.At) events.Outcome {
	o := l.Rules.Decide(rows, c, at)
	if a, ok := o.Result.(events.Accepted); ok {
		if e, ok := a.Event.(events.Left); ok {
			l.over(&e)
			a.Event = e
			o.Result = a
		}
	}
	return o
}

var stewardPlants = map[string]Plant{
	"steward forgets who comes later":    {Handler: func(h follow.Handler) follow.Handler { return forgetsComers{h} }},
	"steward gives up":                   {Handler: func(h follow.Handler) follow.Handler { return givesUp{h} }},
	"steward looks before the view has":  {StewardView: func(v steward.View) steward.View { return tooEarly{v} }},
	"steward takes all for closed":       {StewardView: func(v steward.View) steward.View { return closesAll{v} }},
	"steward leaves tokens be":           {StewardView: func(v steward.View) steward.View { return keepsTokens{v} }},
	"steward has the oldest hold tokens": {StewardView: func(v steward.View) steward.View { return oldestHolds{v} }},
	"steward asks under any client id":   {StewardLog: func(l eventlog.Log) eventlog.Log { return anyIDs{l} }},
	// Only a crash in between shows it.
	"steward commits before it asks": {
		Handler: func(h follow.Handler) follow.Handler { return doneLater{h} },
		Odds:    func(o *odds) { o.crash, o.every = 50, 1500 },
	},
	"ownership ends with the owner": {Rules: func(r sequencer.Rules) sequencer.Rules {
		return leaveOver{r, func(e *events.Left) { e.Promoted = "" }}
	}},
	"the last to leave leaves it open": {Rules: func(r sequencer.Rules) sequencer.Rules {
		return leaveOver{r, func(e *events.Left) { e.Closed = false }}
	}},
}
