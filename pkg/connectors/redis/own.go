package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Own implements hot.View.
func (v Reader) Own(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	selves := make([]events.SessionID, len(users))
	for i, u := range users {
		selves[i] = events.NewSelfID(u)
	}
	own := make(map[events.UserID]hot.Own, len(users))
	err := v.facts(ctx, selves, "", hot.OwnFields(), func(i int, values []string) error {
		o, err := hot.ParseOwn(values)
		own[users[i]] = o
		return err
	})
	if err != nil {
		return nil, err
	}
	return own, nil
}

// Contacts implements hot.View.
func (v Reader) Contacts(ctx context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error) {
	pairs := make([]events.SessionID, len(users))
	for i, other := range users {
		pairs[i] = events.NewDirectID(u, other)
	}
	contacts := make(map[events.UserID]bool, len(users))
	err := v.facts(ctx, pairs, "", hot.ContactFields(), func(i int, values []string) error {
		contacts[users[i]] = hot.AreContacts(values)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return contacts, nil
}

// facts reads fields of the facts of many sessions, and traits that begin so, and gives those of the sessions that are there (own.lua).
func (v Reader) facts(ctx context.Context, sessions []events.SessionID, traits string, facts []string, take func(i int, values []string) error) error {
	args := make([]any, 1+len(facts))
	args[0] = traits
	for i, f := range facts {
		args[1+i] = f
	}
	return v.several(ctx, sessions, v.r.scripts.own, []string{"head", "facts", "traits", "mentions"}, func(i int, got []any) error { return take(i, texts(got)) }, args...)
}

// several runs a script that reads on many sessions, all at once, and gives what it says of those that are there. It fails when that can't be told
// now of any of them. What take is given may be given again.
func (v Reader) several(
	ctx context.Context, sessions []events.SessionID, script *redis.Script, parts []string, take func(i int, got []any) error, args ...any,
) error {
	for try := 0; try <= maxTries; try++ {
		err := v.severalOnce(ctx, sessions, script, parts, take, args)
		if isUnknownScript(err) && try == 0 {
			if err := v.r.loadScripts(ctx); err != nil {
				return err
			}
			continue
		}
		if !errors.Is(err, errSwapped) {
			return err
		}
	}
	return hot.ErrRebuilding
}

func (v Reader) severalOnce(
	ctx context.Context, sessions []events.SessionID, script *redis.Script, parts []string, take func(i int, got []any) error, args []any,
) error {
	if len(sessions) == 0 {
		return nil
	}
	pipe := v.r.client.Pipeline()
	from, views, answers := make([]glance, len(sessions)), make([]*redis.SliceCmd, len(sessions)), make([]*redis.Cmd, len(sessions))
	for i, s := range sessions {
		from[i] = v.r.glance(s)
		views[i] = pipe.HMGet(ctx, v.r.viewKeyOf(s), viewFields...)
		answers[i] = script.EvalSha(ctx, pipe, v.r.partKeys(from[i].side, s, parts), args...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		if isUnknownScript(err) {
			return err
		}
		return fmt.Errorf("redis: read sessions: %w", err)
	}
	// That a session is not there is asked again of its view: once for all of a partition that were on one engine.
	type place struct {
		partition int32
		life      string
	}
	missing := map[place]error{}
	for i, s := range sessions {
		state, err := viewState(views[i].Val())
		if err != nil {
			return err
		}
		got, err := answers[i].Slice()
		if err != nil {
			return fmt.Errorf("redis: read %s: %w", s, err)
		}
		life, _ := got[0].(string)
		at := place{v.r.partition(s), life}
		err, judged := missing[at]
		if len(got) > 1 || !judged {
			err = v.r.judge(ctx, s, from[i], state, got)
		}
		switch {
		case errors.Is(err, hot.ErrNoSession):
			missing[at] = err
		case err != nil:
			return err
		default:
			if err := take(i, got[2:]); err != nil {
				return err
			}
		}
	}
	return nil
}
