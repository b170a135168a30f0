package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// Presence is where gateways put the connections that they have.
type Presence struct{ r *Redis }

var _ presence.Store = Presence{}

// Presence keeps connections here: one hash a user, with a field a connection and one for when they were last seen, and one hash for all nodes'
// signs. Times are by Redis's clock.
func (r *Redis) Presence() Presence { return Presence{r} }

func (p Presence) signsKey() string { return p.r.opts.Prefix + "annal:{presence}" }

func (p Presence) userKey(u events.UserID) string {
	return p.r.opts.Prefix + "annal:{u:" + string(u) + "}:presence"
}

// seenField is when a user was last seen; connectionPrefix begins the others.
const (
	seenField        = "seen"
	connectionPrefix = "c:"
)

// Write implements presence.Store.
func (p Presence) Write(ctx context.Context, changes []presence.Change) error {
	pipe := p.r.aside.Pipeline()
	for _, c := range changes {
		keys := []string{p.userKey(c.User)}
		if c.Ended {
			p.r.scripts.end.EvalSha(ctx, pipe, keys, c.ID, c.Ago.Milliseconds(), presence.KeepFor.Milliseconds())
			continue
		}
		said, err := json.Marshal(c.Connection)
		if err != nil {
			return fmt.Errorf("redis: put a connection: %w", err)
		}
		p.r.scripts.put.EvalSha(ctx, pipe, keys, c.ID, c.Round, said, presence.MaxConnections, presence.KeepFor.Milliseconds())
	}
	if pipe.Len() == 0 {
		return nil
	}
	commands, err := pipe.Exec(ctx)
	for _, c := range commands {
		if isUnknownScript(c.Err()) {
			return errors.Join(fmt.Errorf("redis: put connections: %w", c.Err()), p.r.loadScripts(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("redis: put connections: %w", err)
	}
	return nil
}

// Read implements presence.Store.
func (p Presence) Read(ctx context.Context, users []events.UserID) ([]presence.Record, error) {
	pipe := p.r.aside.Pipeline()
	answers := make([]*redis.MapStringStringCmd, len(users))
	for i, u := range users {
		answers[i] = pipe.HGetAll(ctx, p.userKey(u))
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("redis: who is connected: %w", err)
		}
	}
	all := make([]presence.Record, len(users))
	for i, a := range answers {
		for field, value := range a.Val() {
			if err := p.field(&all[i], users[i], field, value); err != nil {
				// Of a program that is much newer: this one says nothing of it.
				p.r.opts.Log.Warn("a connection of a user cannot be read", "user", users[i], "field", field, "error", err)
			}
		}
	}
	return all, nil
}

func (p Presence) field(r *presence.Record, u events.UserID, field, value string) error {
	if field == seenField {
		seen, err := strconv.ParseInt(value, 10, 64)
		r.Seen = events.Millis(seen)
		return err
	}
	at, rest, _ := strings.Cut(value, " ")
	round, said, _ := strings.Cut(rest, " ")
	var put presence.Put
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	if put.Round, err = strconv.ParseUint(round, 10, 64); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(said), &put.Connection); err != nil {
		return err
	}
	put.ID, put.User, put.At = strings.TrimPrefix(field, connectionPrefix), u, events.Millis(ms)
	r.Connections = append(r.Connections, put)
	return nil
}

// Beat implements presence.Store: what is lost shows in since when there are signs of the node, and in masters' run ids.
func (p Presence) Beat(ctx context.Context, node string, floor uint64, ttl time.Duration) (string, error) {
	since, err := p.r.scripts.beat.Run(ctx, p.r.aside, []string{p.signsKey()}, node, floor, ttl.Milliseconds(), presence.KeepSigns.Milliseconds()).Text()
	if err != nil {
		return "", fmt.Errorf("redis: a sign of life: %w", err)
	}
	run, err := p.r.runOf(ctx, p.r.aside)
	if err != nil {
		return "", err
	}
	return since + " " + run, nil
}

// Signs implements presence.Store.
func (p Presence) Signs(ctx context.Context) (presence.Signs, error) {
	all, err := p.r.scripts.signs.Run(ctx, p.r.aside, []string{p.signsKey()}).StringSlice()
	if err != nil || len(all) == 0 {
		return presence.Signs{}, fmt.Errorf("redis: signs of life: %w", err)
	}
	now, err := strconv.ParseInt(all[0], 10, 64)
	if err != nil {
		return presence.Signs{}, fmt.Errorf("redis: signs of life: %w", err)
	}
	s := presence.Signs{Now: events.Millis(now), Nodes: map[string]presence.Sign{}}
	for i := 1; i+1 < len(all); i += 2 {
		var since, at, ends int64
		var sign presence.Sign
		if _, err := fmt.Sscanf(all[i+1], "%d %d %d %d", &since, &at, &ends, &sign.Floor); err != nil {
			return presence.Signs{}, fmt.Errorf("redis: the sign of life of %s: %w", all[i], err)
		}
		sign.At, sign.Ends = events.Millis(at), events.Millis(ends)
		s.Nodes[all[i]] = sign
	}
	return s, nil
}
