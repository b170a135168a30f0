package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/chaos/check"
)

func (l *Load) acked(partition int32) []time.Time {
	var out []time.Time
	for _, p := range l.probes {
		out = append(out, p.acks[partition]...)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func gapsOf(partition int32, acks []time.Time, longer time.Duration) []Gap {
	var out []Gap
	for i := 1; i < len(acks); i++ {
		if d := acks[i].Sub(acks[i-1]); d > longer {
			out = append(out, Gap{Partition: partition, From: acks[i-1], Length: d})
		}
	}
	return out
}

// caughtUp waits until every client was given all there is of the sessions it is in: what is published is on its way
// for a moment after the answers. That a client is never given it shows as a timeout here.
func (l *Load) caughtUp(ctx context.Context) error {
	for _, c := range l.clients {
		heads, err := c.heads(ctx)
		if err != nil {
			return err
		}
		err = l.await(ctx, func() string {
			c.cm.Lock()
			defer c.cm.Unlock()
			for id, head := range heads {
				if r := c.rooms[id]; r != nil && r.in && r.last < head {
					return fmt.Sprintf("%s to be given %s from %d up to %d", c.user, id, r.last, head)
				}
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// heads are where the user's sessions end, by sync.
func (c *client) heads(ctx context.Context) (map[string]uint64, error) {
	states, err := c.states(ctx)
	out := map[string]uint64{}
	for _, s := range states {
		out[s.GetSession()] = s.GetSeq()
	}
	return out, err
}

// wait asks and waits for the reply, again if the connection is lost meanwhile.
func (c *client) wait(ctx context.Context, frame *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	got := make(chan *clientv1.ServerFrame, 1)
	ask := func() {
		c.read(frame, func(m *clientv1.ServerFrame) {
			select {
			case got <- m:
			default: // asked twice
			}
		})
	}
	ask()
	lost := time.NewTicker(silence)
	defer lost.Stop()
	again := time.NewTicker(againAfter)
	defer again.Stop()
	for {
		select {
		case m := <-got:
			if e := m.GetError(); e != nil {
				return m, fmt.Errorf("load: %s", e.GetCode())
			}
			return m, nil
		case <-again.C:
			c.flush()
		case <-lost.C:
			ask()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *client) states(ctx context.Context) ([]*clientv1.SessionState, error) {
	var out []*clientv1.SessionState
	for cursor := ""; ; {
		m, err := c.wait(ctx, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Cursor: cursor, Limit: 200}}})
		if err != nil {
			return nil, err
		}
		out = append(out, m.GetSync().GetSessions()...)
		if cursor = m.GetSync().GetNext(); cursor == "" {
			return out, nil
		}
	}
}

// Views reads what a gateway says of every session to each of its members, past ones too; after Rest, before Close.
// each may be called by several at once.
func (l *Load) Views(ctx context.Context, each func(*check.View)) error {
	errs := make([]error, len(l.clients))
	var reading sync.WaitGroup
	for i, c := range l.clients {
		reading.Go(func() { errs[i] = c.views(ctx, each) })
	}
	reading.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("load: the view of %s: %w", l.clients[i].user, err)
		}
	}
	return nil
}

func (c *client) views(ctx context.Context, each func(*check.View)) error {
	states, err := c.states(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		v := &check.View{User: c.user, State: s}
		if s.GetMember() {
			if err := c.members(ctx, v); err != nil {
				return err
			}
		}
		if err := c.history(ctx, v); err != nil {
			return err
		}
		each(v)
	}
	return nil
}

func (c *client) members(ctx context.Context, v *check.View) error {
	for cursor := ""; ; {
		m, err := c.wait(ctx, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: &clientv1.Members{
			Session: v.State.GetSession(), Cursor: cursor, Limit: 7, // so that there are pages
		}}})
		if err != nil {
			return err
		}
		v.Members, v.Total = append(v.Members, m.GetMembers().GetMembers()...), m.GetMembers().GetTotal()
		if cursor = m.GetMembers().GetNext(); cursor == "" {
			return nil
		}
	}
}

// history walks back from the newest event.
func (c *client) history(ctx context.Context, v *check.View) error {
	for before := uint64(0); ; {
		m, err := c.wait(ctx, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{
			Session: v.State.GetSession(), Before: before, Limit: pageEvents,
		}}})
		if err != nil {
			return err
		}
		page := m.GetHistory()
		v.History = append(slices.Clone(page.GetEvents()), v.History...)
		v.WindowEnd = page.GetWindowEnd()
		low := before
		if e := page.GetEvents(); len(e) > 0 {
			low = e[0].GetSeq()
		} else if h := page.GetHidden(); len(h) > 0 {
			low = h[0].GetFirst()
		}
		if !page.GetMore() || page.GetWindowEnd() || low == before {
			return nil
		}
		before = low
	}
}
