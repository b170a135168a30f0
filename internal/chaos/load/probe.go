package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/chaos/check"
)

// probeEvery is how often each partition is asked to do something, over all gateways together.
const probeEvery = 100 * time.Millisecond

// probe is a client that stays with one gateway and says something in one session of each partition at a steady pace,
// whether or not the one before was answered.
type probe struct {
	asker
	opts Options
	pace time.Duration

	pm       sync.Mutex
	commands []*check.Command
	sessions map[int32]string
	serial   int
	acks     map[int32][]time.Time
}

func newAsker(o Options, user, device string, first int) asker {
	return asker{
		user: user, device: device, token: o.Token, gateways: o.Gateways, first: first,
		pending: map[string]*ask{}, codes: map[string]int{},
	}
}

// newProbes makes one for each gateway: a partition is served as long as one gateway gives answers for it.
func newProbes(o Options) []*probe {
	var out []*probe
	for i := range o.Gateways {
		p := &probe{opts: o, pace: time.Duration(len(o.Gateways)) * probeEvery, sessions: map[int32]string{}, acks: map[int32][]time.Time{}}
		p.asker = newAsker(o, fmt.Sprintf("probe%d", i), "p", 0)
		p.gateways = o.Gateways[i : i+1]
		out = append(out, p)
	}
	return out
}

func (p *probe) command(session string, frame *clientv1.ClientFrame, done func(*clientv1.ServerFrame)) {
	p.pm.Lock()
	p.serial++
	frame.ClientId = fmt.Sprintf("%s-%d", p.device, p.serial)
	c := &check.Command{User: p.user, Session: session, ClientID: frame.ClientId}
	p.commands = append(p.commands, c)
	p.pm.Unlock()
	p.push(&ask{frame: frame, command: c, done: done})
}

// open creates sessions, whose ids are as good as chance, until there is one in each partition.
func (p *probe) open() {
	p.command("", &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Create{Create: &clientv1.Create{Kind: logv1.Kind_KIND_GROUP, Name: "probe"}}},
		func(m *clientv1.ServerFrame) {
			if id := m.GetAck().GetSession(); id != "" {
				p.pm.Lock()
				p.sessions[p.opts.PartitionOf(id)] = id
				p.pm.Unlock()
			}
			if !p.opened() {
				p.open()
			}
		})
}

func (p *probe) opened() bool {
	p.pm.Lock()
	defer p.pm.Unlock()
	return len(p.sessions) == int(p.opts.Partitions)
}

func (p *probe) work(ctx context.Context) {
	tick := time.NewTicker(p.pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		p.flush()
		for partition, session := range p.sessions { // nothing changes it any more
			p.command(session, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: session, Text: "probe"}}},
				func(m *clientv1.ServerFrame) {
					if m.GetAck() != nil {
						now := time.Now()
						p.pm.Lock()
						defer p.pm.Unlock()
						p.acks[partition] = append(p.acks[partition], now)
					}
				})
		}
	}
}

// Gap is a time without an answer for a partition.
type Gap struct {
	Partition int32
	From      time.Time
	Length    time.Duration
}

// Gaps are the times without an answer from any gateway that are longer than longer, by partition and time; after Close.
func (l *Load) Gaps(longer time.Duration) []Gap {
	var out []Gap
	for partition := range l.opts.Partitions {
		out = append(out, gapsOf(partition, l.acked(partition), longer)...)
	}
	return out
}
