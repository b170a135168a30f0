package redis

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed life.lua
	lifeSource string
	//go:embed apply.lua
	applySource string
	//go:embed apply_members.lua
	applyMembersSource string
	//go:embed apply_facts.lua
	applyFactsSource string
	//go:embed apply_tally.lua
	applyTallySource string
	//go:embed apply_changes.lua
	applyChangesSource string
	//go:embed person.lua
	personSource string
	//go:embed items.lua
	itemsSource string
	//go:embed facts.lua
	factsSource string
	//go:embed own.lua
	ownSource string
	//go:embed holders.lua
	holdersSource string
	//go:embed activity.lua
	activitySource string
	//go:embed kept.lua
	keptSource string
	//go:embed hidden.lua
	hiddenSource string
	//go:embed members.lua
	membersSource string
	//go:embed tally.lua
	tallySource string
	//go:embed sessions.lua
	sessionsSource string
	//go:embed list.lua
	listSource string
	//go:embed head.lua
	headSource string
	//go:embed note.lua
	noteSource string
	//go:embed lost.lua
	lostSource string
	//go:embed view.lua
	viewSource string
	//go:embed beside.lua
	besideSource string
	//go:embed ask.lua
	askSource string
	//go:embed swap.lua
	swapSource string
	//go:embed swap_session.lua
	swapSessionSource string
	//go:embed promise.lua
	promiseSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed now.lua
	nowSource string
	//go:embed conclude.lua
	concludeSource string
	//go:embed remove.lua
	removeSource string
	//go:embed removed.lua
	removedSource string
	//go:embed nodes_announce.lua
	announceSource string
	//go:embed nodes.lua
	nodesSource string
	//go:embed nodes_assign.lua
	assignSource string
	//go:embed limit.lua
	limitSource string
	//go:embed push_put.lua
	pushPutSource string
	//go:embed push_show.lua
	pushShowSource string
	//go:embed presence_seen.lua
	seenSource string
	//go:embed presence_put.lua
	putSource string
	//go:embed presence_end.lua
	endSource string
	//go:embed presence_beat.lua
	beatSource string
	//go:embed presence_signs.lua
	signsSource string
)

// embeddedLife is that of an embedded engine: what it has ends with its process.
const embeddedLife = "embedded"

// scripts are what Redis is asked by.
type scripts struct {
	apply, person, items, facts, hidden, kept, members, tally, activity, list, sessions, head, view, lost, note, own, holders *redis.Script

	ask, beside, swap, swapSession, now, conclude, remove, removed, promise *redis.Script

	announce, nodes, assign, limit, put, end, beat, signs, entry, show *redis.Script
}

func newScripts(embedded bool) scripts {
	life := lifeSource
	if embedded {
		life = "local life = '" + embeddedLife + "'\n"
	}
	return scripts{
		apply: redis.NewScript(applySource + applyMembersSource + applyFactsSource + applyTallySource + applyChangesSource), person: redis.NewScript(life + personSource), items: redis.NewScript(life + itemsSource),
		facts: redis.NewScript(life + factsSource), members: redis.NewScript(life + membersSource), sessions: redis.NewScript(life + sessionsSource), head: redis.NewScript(life + headSource),
		hidden: redis.NewScript(life + hiddenSource), kept: redis.NewScript(life + keptSource), tally: redis.NewScript(life + tallySource), activity: redis.NewScript(life + activitySource),
		view: redis.NewScript(life + viewSource), lost: redis.NewScript(lostSource), list: redis.NewScript(listSource), note: redis.NewScript(noteSource),
		ask: redis.NewScript(askSource), beside: redis.NewScript(life + besideSource), swap: redis.NewScript(life + leaseSource + swapSource),
		swapSession: redis.NewScript(leaseSource + swapSessionSource), now: redis.NewScript(leaseSource + nowSource),
		conclude: redis.NewScript(concludeSource), remove: redis.NewScript(removeSource), removed: redis.NewScript(removedSource),
		promise:  redis.NewScript(promiseSource),
		announce: redis.NewScript(leaseSource + announceSource), nodes: redis.NewScript(leaseSource + nodesSource), assign: redis.NewScript(leaseSource + assignSource),
		limit: redis.NewScript(limitSource), own: redis.NewScript(life + ownSource), holders: redis.NewScript(life + holdersSource),
		put: redis.NewScript(leaseSource + seenSource + putSource), end: redis.NewScript(leaseSource + seenSource + endSource),
		beat: redis.NewScript(leaseSource + beatSource), signs: redis.NewScript(leaseSource + signsSource), entry: redis.NewScript(pushPutSource), show: redis.NewScript(pushShowSource),
	}
}

func (r *Redis) loadScripts(ctx context.Context) error {
	s := r.scripts
	for _, script := range []*redis.Script{s.apply, s.person, s.items, s.facts, s.hidden, s.kept, s.members, s.tally, s.activity, s.list, s.sessions, s.head, s.view, s.lost, s.note, s.own, s.holders, s.remove, s.promise, s.put, s.end, s.entry, s.show} {
		if err := script.Load(ctx, r.client).Err(); err != nil {
			return fmt.Errorf("redis: load a script: %w", err)
		}
	}
	return nil
}

// isUnknownScript: Redis was restarted or its scripts were flushed.
func isUnknownScript(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
}
