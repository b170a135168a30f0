package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// Push is where it is kept what was decided of notifications.
type Push struct {
	r    *Redis
	keep time.Duration
}

var _ push.Store = Push{}

// ErrKeep says that entries are to be kept for too short or too long a time.
var ErrKeep = fmt.Errorf("redis: decisions on notifications are kept from %s to %s", push.LeastKeep, maxKeepDecisions)

const maxKeepDecisions = 30 * 24 * time.Hour

// Push keeps decisions here, for so long: a hash a user and ten minutes of log time, with a field an entry; and a hash a user of what their phones show. All keys of
// a user are in one slot. Errors: ErrKeep.
func (r *Redis) Push(keep time.Duration) (Push, error) {
	if keep < push.LeastKeep || keep > maxKeepDecisions {
		return Push{}, ErrKeep
	}
	return Push{r, keep}, nil
}

// entriesSpan is the log time that one hash is of.
const entriesSpan = 10 * time.Minute

func (p Push) entriesKey(u events.UserID, at events.Millis) string {
	return p.r.opts.Prefix + "annal:{u:" + string(u) + "}:push:" + strconv.FormatInt(int64(at)/entriesSpan.Milliseconds(), 10)
}

// openKey is of a subject, in its session's slot: a set of those ahead, each a user and an entry's id.
func (p Push) openKey(s events.SessionID, seq events.Seq) string {
	return p.r.sessionKey("", s, "push:"+strconv.FormatUint(uint64(seq), 10))
}

func (p Push) phonesKey(u events.UserID) string {
	return p.r.opts.Prefix + "annal:{u:" + string(u) + "}:phones"
}

// shownField is what a device shows of a session, or of a call there.
func shownField(q push.Query) string {
	if q.Call {
		return q.Device + "\x00" + string(q.Session) + "\x00call"
	}
	return q.Device + "\x00" + string(q.Session)
}

// badgeField is the number at the app's icon: of no session.
func badgeField(device string) string { return device + "\x00" }

// Decide implements push.Store.
func (p Push) Decide(ctx context.Context, entries []push.Entry) ([]*push.Entry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	pipe := p.r.aside.Pipeline()
	set := make([]*redis.BoolCmd, len(entries))
	p.expect(ctx, pipe, entries)
	expires := map[string]bool{}
	for i := range entries {
		value, err := entryValue(&entries[i])
		if err != nil {
			return nil, err
		}
		key := p.entriesKey(entries[i].User, entries[i].At)
		set[i] = pipe.HSetNX(ctx, key, entries[i].ID, value)
		expires[key] = true
	}
	for key := range expires {
		pipe.Expire(ctx, key, p.keep+entriesSpan)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("redis: decide: %w", err)
	}
	return p.before(ctx, entries, set)
}

// expect notes what is ahead of entries: before that is put, since this is of another slot.
func (p Push) expect(ctx context.Context, pipe redis.Pipeliner, entries []push.Entry) {
	ahead := map[string][]any{}
	for i := range entries {
		e := &entries[i]
		for _, id := range e.Ahead {
			key := p.openKey(e.Session, e.Seq)
			ahead[key] = append(ahead[key], string(e.User)+"\x00"+id)
		}
	}
	for key, all := range ahead {
		pipe.SAdd(ctx, key, all...)
		pipe.Expire(ctx, key, push.KeepOpen)
	}
}

// Open implements push.Store.
func (p Push) Open(ctx context.Context, about []push.Subject) (open []push.Entry, err error) {
	if len(about) == 0 {
		return nil, nil
	}
	pipe := p.r.aside.Pipeline()
	ahead := make([]*redis.StringSliceCmd, len(about))
	for i := range about {
		ahead[i] = pipe.SMembers(ctx, p.openKey(about[i].Session, about[i].Seq))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("redis: what was to be brought: %w", err)
	}
	for i := range about {
		for part := range slices.Chunk(ahead[i].Val(), push.MaxEntries) {
			found, err := p.openOf(ctx, about[i].At, part)
			if err != nil {
				return nil, err
			}
			open = append(open, found...)
		}
	}
	return open, nil
}

// openOf reads entries about what was at a time, and gives those that are open.
func (p Push) openOf(ctx context.Context, at events.Millis, places []string) (open []push.Entry, err error) {
	pipe := p.r.aside.Pipeline()
	values := make([]*redis.StringCmd, len(places))
	for i, place := range places {
		user, id, _ := strings.Cut(place, "\x00")
		values[i] = pipe.HGet(ctx, p.entriesKey(events.UserID(user), at), id)
	}
	_, _ = pipe.Exec(ctx) // each says so of its own; one that is not there, too
	for i, place := range places {
		value, err := values[i].Result()
		switch {
		case err != nil && !errors.Is(err, redis.Nil):
			return nil, fmt.Errorf("redis: what is open: %w", err)
		case !strings.HasPrefix(value, isOpen):
			continue // settled, or never put
		}
		user, id, _ := strings.Cut(place, "\x00")
		e, err := entry(events.UserID(user), id, value)
		if err != nil {
			return nil, err
		}
		open = append(open, e)
	}
	return open, nil
}

// before reads the entries that were there.
func (p Push) before(ctx context.Context, entries []push.Entry, set []*redis.BoolCmd) ([]*push.Entry, error) {
	pipe := p.r.aside.Pipeline()
	before, there := make([]*push.Entry, len(entries)), map[int]*redis.StringCmd{}
	for i := range entries {
		if !set[i].Val() {
			there[i] = pipe.HGet(ctx, p.entriesKey(entries[i].User, entries[i].At), entries[i].ID)
		}
	}
	if len(there) == 0 {
		return before, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		// Also when it was there a moment ago and is not: then it is decided again.
		return nil, fmt.Errorf("redis: what was decided before: %w", err)
	}
	for i, c := range there {
		e, err := entry(entries[i].User, entries[i].ID, c.Val())
		if err != nil {
			return nil, err
		}
		before[i] = &e
	}
	return before, nil
}

// isOpen begins the value of an entry that is open.
const isOpen = "o"

// entryValue is what is stored of an entry: a letter that says how far it is, and JSON.
func entryValue(e *push.Entry) (string, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("redis: an entry: %w", err)
	}
	how := "s"
	switch {
	case e.Open():
		how = isOpen
	case e.Reason == push.Brought:
		how = "d"
	}
	return how + string(value), nil
}

func entry(u events.UserID, id, value string) (push.Entry, error) {
	var e push.Entry
	if err := json.Unmarshal([]byte(value[min(1, len(value)):]), &e); err != nil {
		return e, fmt.Errorf("redis: the entry %s of %s: %w", id, u, err)
	}
	e.User, e.ID = u, id
	return e, nil
}

// Put implements push.Store.
func (p Push) Put(ctx context.Context, entries []push.Entry, marks []push.Mark) error {
	if len(entries) == 0 && len(marks) == 0 {
		return nil
	}
	pipe := p.r.aside.Pipeline()
	for _, m := range marks {
		key := p.phonesKey(m.User)
		pipe.HSet(ctx, key, badgeField(m.Device), unsure+m.By)
		pipe.PExpire(ctx, key, push.KeepShown)
	}
	for i := range entries {
		if err := p.entry(ctx, pipe, &entries[i]); err != nil {
			return err
		}
	}
	return p.exec(ctx, pipe, "put")
}

// entry replaces one.
func (p Push) entry(ctx context.Context, pipe redis.Pipeliner, e *push.Entry) error {
	value, err := entryValue(e)
	if err != nil {
		return err
	}
	p.r.scripts.entry.EvalSha(ctx, pipe, []string{p.entriesKey(e.User, e.At)}, e.ID, value, (p.keep + entriesSpan).Milliseconds())
	return nil
}

// exec runs a pipeline with scripts.
func (p Push) exec(ctx context.Context, pipe redis.Pipeliner, what string) error {
	commands, err := pipe.Exec(ctx)
	for _, c := range commands {
		if isUnknownScript(c.Err()) {
			return errors.Join(fmt.Errorf("redis: %s: %w", what, c.Err()), p.r.loadScripts(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("redis: %s: %w", what, err)
	}
	return nil
}

// unsure begins a number that nobody knows; the mark of the call that is to change it follows, and then contested if another one may have come after that.
const unsure = "?"

// maxShown is how many places of a user's phones are kept before the oldest go.
const maxShown = 1000

// Settle implements push.Store. What phones show is written first: an entry that is settled is not looked at again.
func (p Push) Settle(ctx context.Context, settled []push.Settled) ([]bool, error) {
	if len(settled) == 0 {
		return nil, nil
	}
	pipe := p.r.aside.Pipeline()
	phones := make([]*redis.Cmd, len(settled))
	for i := range settled {
		if err := p.phone(ctx, pipe, &settled[i], &phones[i]); err != nil {
			return nil, err
		}
	}
	for i := range settled {
		if err := p.entry(ctx, pipe, &settled[i].Entry); err != nil {
			return nil, err
		}
	}
	if err := p.exec(ctx, pipe, "settle"); err != nil {
		return nil, err
	}
	contested, many := make([]bool, len(settled)), map[events.UserID]bool{}
	for i, answer := range phones {
		if answer == nil {
			continue
		}
		said, err := answer.Int64Slice()
		if err != nil || len(said) != 2 {
			return nil, fmt.Errorf("redis: settle: what phones show: %v, %w", said, err)
		}
		contested[i] = said[0] == 1
		if said[1] > maxShown {
			many[settled[i].User] = true
		}
	}
	for u := range many {
		if err := p.prune(ctx, u); err != nil {
			return nil, err
		}
	}
	return contested, nil
}

// shownDigits are those of a seq before what is shown.
const shownDigits = 20

func (p Push) phone(ctx context.Context, pipe redis.Pipeliner, s *push.Settled, answer **redis.Cmd) error {
	if s.Shown == nil && s.Badge < 0 && s.Clear == 0 {
		return nil
	}
	clearTo, shows, badge := "", "", ""
	if s.Clear > 0 {
		clearTo = fmt.Sprintf("%0*d", shownDigits, s.Clear)
	}
	if s.Shown != nil {
		value, err := json.Marshal(s.Shown)
		if err != nil {
			return fmt.Errorf("redis: what a phone shows: %w", err)
		}
		shows = fmt.Sprintf("%0*d%s", shownDigits, s.Shown.Seq, value)
	}
	switch {
	case s.Badge == push.Unsure:
		badge = unsure
	case s.Badge >= 0:
		badge = strconv.Itoa(s.Badge)
	}
	at := push.Query{User: s.User, Device: s.Device, Session: s.Session, Call: s.Call}
	*answer = p.r.scripts.show.EvalSha(ctx, pipe, []string{p.phonesKey(s.User)},
		shownField(at), clearTo, shows, badgeField(s.Device), badge, push.KeepShown.Milliseconds(), s.Mark)
	return nil
}

// prune forgets the older half of what a user's phones show, and numbers of more devices than anybody has.
func (p Push) prune(ctx context.Context, u events.UserID) error {
	all, err := p.r.aside.HGetAll(ctx, p.phonesKey(u)).Result()
	if err != nil {
		return fmt.Errorf("redis: what the phones of %s show: %w", u, err)
	}
	type place struct {
		field string
		at    events.Millis
	}
	var places []place
	var numbers []string
	for field, value := range all {
		var s push.Shown
		switch {
		case strings.HasSuffix(field, badgeField("")):
			numbers = append(numbers, field)
		case len(value) > shownDigits && json.Unmarshal([]byte(value[shownDigits:]), &s) == nil:
			places = append(places, place{field, s.At})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	var old []string
	if len(numbers) > maxShown/4 {
		old = numbers[maxShown/4:] // of devices that are no more, most likely: when they last had a number is not known
	}
	if len(places) > maxShown/2 {
		for _, l := range places[:len(places)/2] {
			old = append(old, l.field)
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := p.r.aside.HDel(ctx, p.phonesKey(u), old...).Err(); err != nil {
		return fmt.Errorf("redis: what the phones of %s show: %w", u, err)
	}
	return nil
}

// Phones implements push.Store.
func (p Push) Phones(ctx context.Context, queries []push.Query) ([]push.Phone, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	pipe := p.r.aside.Pipeline()
	answers := make([]*redis.SliceCmd, len(queries))
	for i, q := range queries {
		answers[i] = pipe.HMGet(ctx, p.phonesKey(q.User), shownField(q), badgeField(q.Device))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("redis: what phones show: %w", err)
	}
	phones := make([]push.Phone, len(queries))
	for i, a := range answers {
		phones[i].Badge = -1
		values := a.Val()
		if shown, ok := values[0].(string); ok {
			var s push.Shown
			if err := json.Unmarshal([]byte(shown[min(shownDigits, len(shown)):]), &s); err != nil {
				return nil, fmt.Errorf("redis: what a phone of %s shows: %w", queries[i].User, err)
			}
			phones[i].Shown = &s
		}
		switch badge, ok := values[1].(string); {
		case !ok:
		case strings.HasPrefix(badge, unsure):
			phones[i].Badge = push.Unsure
		default:
			n, err := strconv.Atoi(badge)
			if err != nil {
				return nil, fmt.Errorf("redis: what a phone of %s shows: %w", queries[i].User, err)
			}
			phones[i].Badge = n
		}
	}
	return phones, nil
}

// Log implements push.Store.
func (p Push) Log(ctx context.Context, u events.UserID, since events.Millis, limit int) ([]push.Entry, error) {
	// What is older was forgotten; clocks may be apart by a little.
	now := time.Now()
	from := max(since, events.Millis(now.Add(-p.keep-2*entriesSpan).UnixMilli()))
	pipe := p.r.aside.Pipeline()
	var answers []*redis.MapStringStringCmd
	for at := from; at <= events.Millis(now.Add(2*entriesSpan).UnixMilli()); at += events.Millis(entriesSpan.Milliseconds()) {
		answers = append(answers, pipe.HGetAll(ctx, p.entriesKey(u, at)))
	}
	if len(answers) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("redis: what was decided for %s: %w", u, err)
	}
	var all []push.Entry
	for _, a := range answers {
		for id, value := range a.Val() {
			e, err := entry(u, id, value)
			if err != nil {
				return nil, err
			}
			if e.At >= since && e.Logged() {
				all = append(all, e)
			}
		}
	}
	return push.Newest(all, now, limit), nil
}
