package sim

import (
	"context"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/push"
)

// claimsNothing is a store by which everything is decided for the first time.
type claimsNothing struct{ push.Store }

func (c claimsNothing) Decide(ctx context.Context, entries []push.Entry) ([]*push.Entry, error) {
	if _, err := c.Store.Decide(ctx, entries); err != nil {
		return nil, err
	}
	return make([]*push.Entry, len(entries)), nil
}

// commitsAll is a pusher of which what is open is not asked: what it took is committed.
type commitsAll struct{ follow.Handler }

// readsNothing is a view in which those who are asked for first have read nothing.
type readsNothing struct{ push.View }

func (r readsNothing) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]push.Member, error) {
	members, err := r.View.Members(ctx, s, after, limit)
	for i := range members {
		members[i].Marker = 0
	}
	return members, err
}

// revokesNothing is a view in which nothing became of any message.
type revokesNothing struct{ push.View }

func (revokesNothing) Messages(context.Context, events.SessionID, []events.Seq) (map[events.Seq]push.Became, error) {
	return map[events.Seq]push.Became{}, nil
}

// holdsAll is a view in which nobody knows whose a token is.
type holdsAll struct{ push.View }

func (holdsAll) Holders(_ context.Context, tokens []events.PushToken) ([]push.Holder, error) {
	return make([]push.Holder, len(tokens)), nil
}

// quietly has nothing go wrong that is not planted: these have their occasion all the same, and many seeds are looked at for it.
func quietly(o *odds) { *o = odds{every: o.every} }

// steadily has processes live on, and services call tokens gone.
func steadily(o *odds) {
	o.crash, o.stop, o.freeze, o.cutLog, o.pushGone = 0, 0, 0, 0, 300
}

var pushPlants = map[string]Plant{
	"decides anew":                {Notes: func(s push.Store) push.Store { return claimsNothing{s} }},
	"commits what isn't finished": {Pusher: func(h follow.Handler) follow.Handler { return commitsAll{h} }},
	"tells of what is read":       {PushView: func(v push.View) push.View { return readsNothing{v} }, Odds: quietly},
	"tells of what is revoked":    {PushView: func(v push.View) push.View { return revokesNothing{v} }, Odds: quietly},
	"tells whoever had the token": {PushView: func(v push.View) push.View { return holdsAll{v} }, Odds: quietly},
	"never forgets a token": {
		Forget: func(push.Forget) push.Forget { return func(context.Context, push.Forgotten) error { return nil } },
		Odds:   steadily,
	},
}
