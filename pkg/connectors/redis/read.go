package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Reader is the read side of the view.
type Reader struct{ r *Redis }

var _ hot.View = Reader{}

// Reader reads the view.
func (r *Redis) Reader() Reader { return Reader{r} }

// maxTries is how often something is read when the view is swapped meanwhile: that happens once in hours.
const maxTries = 3

// errSwapped: what was read is on the side that the view was on before.
var errSwapped = errors.New("redis: the view was swapped")

// ask runs a reading script together with a look at the partition's view, so that a
// session that is missing or of an older view is told from one that is not there.
func (r *Redis) ask(ctx context.Context, s events.SessionID, script *redis.Script, parts []string, args ...any) ([]any, error) {
	for try := 0; ; try++ {
		pipe := r.client.Pipeline()
		from := r.glance(s)
		view := pipe.HMGet(ctx, r.viewKeyOf(s), viewFields...)
		answer := script.EvalSha(ctx, pipe, r.partKeys(from.side, s, parts), args...)
		_, err := pipe.Exec(ctx)
		if isUnknownScript(err) && try == 0 {
			if err := r.loadScripts(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("redis: read %s: %w", s, err)
		}
		got, err := answer.Slice()
		if err != nil {
			return nil, fmt.Errorf("redis: read %s: %w", s, err)
		}
		v, err := viewState(view.Val())
		if err != nil {
			return nil, err
		}
		err = r.judge(ctx, s, from, v, got)
		switch {
		case err == nil:
			return got[2:], nil
		case !errors.Is(err, errSwapped):
			return nil, err
		case try >= maxTries:
			return nil, hot.ErrRebuilding
		}
	}
}

func (r *Redis) partKeys(side string, s events.SessionID, parts []string) []string {
	keys := make([]string, len(parts))
	for i, part := range parts {
		keys[i] = r.sessionKey(side, s, part)
	}
	return keys
}

// glance is what was known of the view of a session's partition before it was read: on which side it was, and how far it reached.
type glance struct {
	side string
	seen int64
}

func (r *Redis) glance(s events.SessionID) glance {
	p := r.partition(s)
	side, _ := r.sides[p].Load().(string)
	return glance{side, r.horizon.Seen(p)}
}

// elsewhere is true when a view is on another side than the one that was read; that is remembered.
func (r *Redis) elsewhere(s events.SessionID, side string, v hot.ViewState) bool {
	if v.ID == "" || hot.Side(v.ID) == side {
		return false
	}
	r.sides[r.partition(s)].Store(hot.Side(v.ID))
	return true
}

// reportLoss asks the projector to build the view anew, in which keys of a session are missing: nothing else would tell
// it before the session's next event. One that is being built anew, or is going to be, makes them good already.
func (r *Redis) reportLoss(ctx context.Context, s events.SessionID, v hot.ViewState) error {
	if !v.Whole || v.Lost {
		return hot.ErrRebuilding
	}
	r.opts.Log.Error("keys of a session were lost", "session", s)
	if err := r.scripts.lost.Run(ctx, r.client, []string{r.viewKeyOf(s)}, v.ID, string(s)).Err(); err != nil {
		return fmt.Errorf("redis: report a loss: %w", err)
	}
	return hot.ErrRebuilding
}

// judge says whether what was read can be shown; v was read before it, and from known before that. A whole view
// never becomes otherwise: a new one takes its place. So what is of v is right, if it is
// from where v was declared whole: after a failover it may be an older copy. What is
// missing is not there only if v is the view still, or it was emptied in between. errSwapped: look on the other side.
func (r *Redis) judge(ctx context.Context, s events.SessionID, from glance, v hot.ViewState, got []any) error {
	if r.elsewhere(s, from.side, v) {
		return errSwapped
	}
	if len(got) == 2 && got[1] == "LOST" {
		return r.reportLoss(ctx, s, v)
	}
	life, _ := got[0].(string)
	if !v.Whole || !names(v.Run, life) || r.horizon.Older(r.partition(s), from.seen, v) {
		return hot.ErrRebuilding
	}
	if len(got) == 1 {
		return r.judgeMissing(ctx, s, v)
	}
	name, _ := got[1].(string)
	switch of, aside := strings.CutPrefix(name, asideMark); {
	case of > v.ID:
		return r.judgeForeign(ctx, s, v)
	case aside, of < v.ID: // whoever wrote an older one so late, the view's own worker has the same before it
		return hot.ErrRebuilding
	}
	return nil
}

// asideMark stands before the view of a session that is put aside (apply_changes.lua).
const asideMark = "!"

// judgeMissing is about a session that is not there.
func (r *Redis) judgeMissing(ctx context.Context, s events.SessionID, v hot.ViewState) error {
	if err := r.still(ctx, s, v); err != nil {
		return err
	}
	return hot.ErrNoSession
}

// judgeForeign is about a session of a view above the one that is read. Most often it is the view by now. But one that came to nothing,
// since the engine failed over to a copy that does not know of it, may have been written to by a builder that was late: the worker would
// come upon it with the session's next event, and nothing would tell it before.
func (r *Redis) judgeForeign(ctx context.Context, s events.SessionID, v hot.ViewState) error {
	if err := r.still(ctx, s, v); err != nil {
		return err
	}
	return r.reportLoss(ctx, s, v)
}

// still is nil when a view that was read is the one that is read now. Errors are ErrRebuilding, errSwapped, and those of reading.
func (r *Redis) still(ctx context.Context, s events.SessionID, v hot.ViewState) error {
	run, err := r.Run(ctx)
	if err != nil {
		return err
	}
	fields, err := r.client.HMGet(ctx, r.viewKeyOf(s), viewFields...).Result()
	if err != nil {
		return fmt.Errorf("redis: read %s: %w", s, err)
	}
	again, err := viewState(fields)
	switch {
	case err != nil:
		return err
	case r.elsewhere(s, hot.Side(v.ID), again):
		return errSwapped // and what was on this side is removed
	case again.ID != v.ID || !again.Whole || again.Lost != v.Lost || again.Run != v.Run || run != v.Run:
		return hot.ErrRebuilding
	}
	return nil
}

// Person implements hot.View.
func (v Reader) Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (hot.Person, error) {
	args := []any{string(u), len(hidden)}
	for _, index := range hidden {
		args = append(args, padded(index))
	}
	for _, field := range hot.StandingFields(u) {
		args = append(args, field)
	}
	got, err := v.r.ask(ctx, s, v.r.scripts.person, personParts, args...)
	if err != nil {
		return hot.Person{}, err
	}
	return personOf(s, got)
}

// personParts are the keys that person.lua reads.
var personParts = []string{"head", "members", "gone", "facts", "traits", "mentions"}

// Unread implements hot.View.
func (v Reader) Unread(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]hot.Unread, error) {
	all := make(map[events.SessionID]hot.Unread, len(sessions))
	err := v.several(ctx, sessions, v.r.scripts.person, personParts, func(i int, got []any) error {
		p, err := personOf(sessions[i], got)
		all[sessions[i]] = p.UnreadNow()
		return err
	}, string(u), 0)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// personOf reads what person.lua answered of a session.
func personOf(s events.SessionID, got []any) (p hot.Person, err error) {
	if p.Head, err = decodeHead(s, texts(got[0])); err != nil {
		return hot.Person{}, err
	}
	member, isMember := got[1].(string)
	if isMember {
		if p.Member, err = decodeMember(member); err != nil {
			return hot.Person{}, err
		}
	}
	if more := texts(got[3]); len(more) > 0 {
		if err := p.Standing(more); err != nil {
			return hot.Person{}, err
		}
	}
	if !isMember {
		p.Member = events.Member{}
		return p, nil
	}
	upper := p.Head.Index
	if !p.Member.In() {
		upper = p.Member.Stays[len(p.Member.Stays)-1].ToIndex
	}
	gone, _ := got[2].(int64)
	mentions, _ := got[4].(int64)
	p.Mentions = uint64(mentions)
	if upper > p.Member.MarkerIndex {
		p.Unread = uint64(upper-p.Member.MarkerIndex) - uint64(gone)
	}
	return p, nil
}

// texts are the strings of a list in an answer, empty for what is none.
func texts(answer any) []string {
	list, _ := answer.([]any)
	out := make([]string, len(list))
	for i := range list {
		out[i], _ = list[i].(string)
	}
	return out
}

// Facts implements hot.View.
func (v Reader) Facts(ctx context.Context, s events.SessionID) (hot.Facts, error) {
	got, err := v.r.ask(ctx, s, v.r.scripts.facts, []string{"head", "facts", "traits", "mentions"})
	if err != nil {
		return hot.Facts{}, err
	}
	all := texts(got)
	fields := make(map[string]string, len(all)/2)
	for ; len(all) >= 2; all = all[2:] {
		fields[all[0]] = all[1]
	}
	return hot.ParseFacts(fields)
}

func decodeHead(s events.SessionID, h []string) (hot.Head, error) {
	if len(h) != 11 {
		return hot.Head{}, fmt.Errorf("redis: head of %s has %d fields", s, len(h))
	}
	policy, err := decodePolicy(h[6])
	if err != nil {
		return hot.Head{}, err
	}
	var f fields
	head := hot.Head{
		Session: s, Seq: events.Seq(f.number(h[1])), Index: events.Index(f.number(h[2])), Kind: events.Kind(f.number(h[3])),
		Title: h[4], Base: events.Seq(f.number(h[5])), Policy: policy, Closed: h[7] == "1",
		WindowStart: events.Seq(f.number(h[8])), Members: uint32(f.number(h[9])), Time: events.Millis(f.number(h[10])),
	}
	return head, f.err
}

// Members implements hot.View.
func (v Reader) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]hot.MemberEntry, error) {
	got, err := v.r.ask(ctx, s, v.r.scripts.members, []string{"head", "members", "roster", "facts", "traits", "mentions"},
		append([]any{string(after), limit}, hot.TraitFields()...)...)
	if err != nil {
		return nil, err
	}
	var entries []hot.MemberEntry
	size := 2 + len(hot.TraitFields())
	for rest := texts(got); len(rest) >= size; rest = rest[size:] {
		m, err := decodeMember(rest[1])
		if err == nil {
			err = hot.AddTraits(&m, rest[2:size])
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, hot.MemberEntry{User: events.UserID(rest[0]), Member: m})
	}
	return entries, nil
}

// Sessions implements hot.View.
func (v Reader) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	for range maxTries {
		got, err := v.sessions(ctx, u, after, limit)
		if !errors.Is(err, errSwapped) {
			return got, err
		}
	}
	return nil, hot.ErrRebuilding
}

func (v Reader) sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	views, err := v.allWhole(ctx)
	if err != nil {
		return nil, err
	}
	l, err := v.list(ctx, views, u, after, limit)
	if err != nil {
		return nil, err
	}
	if !l.self && !l.lost {
		// A list is written before the sessions that stand in it, so it is looked at again after the session.
		there, err := v.selfThere(ctx, views, u)
		switch {
		case err != nil:
			return nil, err
		case !there:
			return l.sessions, nil
		}
		if l, err = v.list(ctx, views, u, after, limit); err != nil {
			return nil, err
		}
		l.lost = l.lost || !l.self
	}
	if l.lost {
		return nil, v.r.reportLostList(ctx, views, u)
	}
	return l.sessions, nil
}

// selfThere says whether the user has a session of their own. errSwapped when the view is another than was read, so that it may be on the
// other side.
func (v Reader) selfThere(ctx context.Context, views []hot.ViewState, u events.UserID) (bool, error) {
	own := events.NewSelfID(u)
	was := views[v.r.partition(own)]
	there, err := v.r.client.HExists(ctx, v.r.sessionKey(hot.Side(was.ID), own, "head"), "seq").Result()
	if err != nil {
		return false, fmt.Errorf("redis: sessions of %s: %w", u, err)
	}
	if !there {
		is, err := v.r.View(ctx, v.r.partition(own))
		if err != nil {
			return false, err
		}
		if is.ID != was.ID {
			return false, errSwapped
		}
	}
	return there, nil
}

// list is a page of a user's sessions. A list is counted beside it: it was lost when it is shorter than it was. The user's
// own session has to be in it as well: when it is not, while it is there, list and count were lost.
type list struct {
	sessions   []events.SessionID
	self, lost bool
}

// list reads a list from where the views were declared whole.
func (v Reader) list(ctx context.Context, views []hot.ViewState, u events.UserID, after events.SessionID, limit int) (list, error) {
	got, err := v.r.scripts.sessions.Run(ctx, v.r.client, v.r.listKeys(u), string(after), limit, string(events.NewSelfID(u))).Slice()
	if err != nil {
		return list{}, fmt.Errorf("redis: sessions of %s: %w", u, err)
	}
	life, _ := got[0].(string)
	for _, view := range views {
		if !names(view.Run, life) {
			return list{}, hot.ErrRebuilding
		}
	}
	ids, _ := got[1].([]any)
	missing, _ := got[2].(int64)
	l := list{sessions: make([]events.SessionID, len(ids)), lost: missing > 0, self: len(got) > 3 && got[3] != nil}
	for i := range ids {
		id, _ := ids[i].(string)
		l.sessions[i] = events.SessionID(id)
	}
	return l, nil
}

// reportLostList asks the projectors to build the views of all partitions anew: a user's sessions may be in any. Whoever
// asked may be gone meanwhile. The partition of the user's own session comes last, when all others are told: built alone,
// it would put that session back into a list that lacks others still.
func (r *Redis) reportLostList(ctx context.Context, views []hot.ViewState, u events.UserID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	defer cancel()
	r.opts.Log.Error("a user's list of sessions was lost", "user", u)
	own := r.partition(events.NewSelfID(u))
	for _, last := range []bool{false, true} {
		pipe := r.client.Pipeline()
		for p, view := range views {
			if (int32(p) == own) == last {
				r.scripts.lost.Eval(ctx, pipe, []string{r.viewKey(int32(p))}, view.ID, "the list of "+string(u))
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("redis: report a loss: %w", err)
		}
	}
	return hot.ErrRebuilding
}

// allWhole is ErrRebuilding unless all partitions' views are whole: a user's sessions
// may be in any. It gives them by partition.
func (v Reader) allWhole(ctx context.Context) ([]hot.ViewState, error) {
	pipe := v.r.client.Pipeline()
	states, seen := make([]*redis.SliceCmd, v.r.opts.Partitions), make([]int64, v.r.opts.Partitions)
	for p := range v.r.opts.Partitions {
		seen[p] = v.r.horizon.Seen(p)
		states[p] = pipe.HMGet(ctx, v.r.viewKey(p), viewFields...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("redis: views: %w", err)
	}
	views := make([]hot.ViewState, len(states))
	for p, s := range states {
		state, err := viewState(s.Val())
		switch {
		case err != nil:
			return nil, err
		case !state.Whole, state.Lost, v.r.horizon.Older(int32(p), seen[p], state): // what is lost may be a list
			return nil, hot.ErrRebuilding
		}
		views[p] = state
	}
	return views, nil
}
