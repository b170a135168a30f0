package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Reach implements hot.View.
func (v Reader) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]hot.Reach, error) {
	selves := make([]events.SessionID, len(users))
	for i, u := range users {
		selves[i] = events.NewSelfID(u)
	}
	fields := hot.ReachFields(s)
	reach := make(map[events.UserID]hot.Reach, len(users))
	err := v.facts(ctx, selves, hot.DeviceTraits, fields, func(i int, values []string) error {
		r, err := hot.ParseReach(values, values[len(fields)+1:])
		r.Closed = values[len(fields)] == "1"
		reach[users[i]] = r
		return err
	})
	if err != nil {
		return nil, err
	}
	return reach, nil
}

// A token's holders are a sorted set: "user NUL device" by the log time of the registration, in ms, which is exact up to 2^53.

// AddHolders implements hot.Store.
func (r *Redis) AddHolders(ctx context.Context, all []hot.Registration) error {
	pipe := r.client.Pipeline()
	for _, one := range all {
		key := r.holdersKey(one.Push)
		pipe.ZAddGT(ctx, key, redis.Z{Score: float64(one.Since), Member: string(one.User) + "\x00" + one.Device})
		pipe.ZRemRangeByRank(ctx, key, 0, -hot.MaxHolders-1)
		pipe.PExpire(ctx, key, hot.KeepHolders)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: registrations: %w", err)
	}
	return nil
}

// Holders implements hot.View. Who registered a token may be in any partition, so all have to be whole.
func (v Reader) Holders(ctx context.Context, tokens []events.PushToken) ([][]hot.Holder, error) {
	views, err := v.allWhole(ctx)
	if err != nil || len(tokens) == 0 {
		return nil, err
	}
	for try := 0; ; try++ {
		pipe := v.r.client.Pipeline()
		answers := make([]*redis.Cmd, len(tokens))
		for i, t := range tokens {
			answers[i] = v.r.scripts.holders.EvalSha(ctx, pipe, []string{v.r.holdersKey(t)})
		}
		_, err := pipe.Exec(ctx)
		switch {
		case isUnknownScript(err) && try == 0:
			if err := v.r.loadScripts(ctx); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, fmt.Errorf("redis: holders: %w", err)
		}
		holders := make([][]hot.Holder, len(tokens))
		for i, a := range answers {
			got, err := a.Slice()
			if err != nil {
				return nil, fmt.Errorf("redis: holders: %w", err)
			}
			if holders[i], err = holdersOf(texts(got), views); err != nil {
				return nil, err
			}
		}
		return holders, nil
	}
}

// holdersOf reads an answer of holders.lua, if it is from where the views were declared whole.
func holdersOf(got []string, views []hot.ViewState) ([]hot.Holder, error) {
	for _, view := range views {
		if !names(view.Run, got[0]) {
			return nil, hot.ErrRebuilding
		}
	}
	var all []hot.Holder
	for rest := got[1:]; len(rest) >= 2; rest = rest[2:] {
		user, device, ok := strings.Cut(rest[0], "\x00")
		since, err := strconv.ParseFloat(rest[1], 64) // the embedded engine writes some with an exponent
		if err != nil || !ok {
			return nil, errors.Join(fmt.Errorf("redis: the holder %q, %q", rest[0], rest[1]), err)
		}
		all = append(all, hot.Holder{User: events.UserID(user), Device: device, Since: events.Millis(since)})
	}
	hot.SortHolders(all)
	return all, nil
}
