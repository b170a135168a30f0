package scenario

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"annal/internal/bubble"

	clientv1 "annal/gen/annal/client/v1"
)

// deafConn is a connection of which it is seen what is said on it.
type deafConn struct {
	Conn
	said []*clientv1.ClientFrame
}

func (c *deafConn) Say(m *clientv1.ClientFrame) { c.said = append(c.said, m) }
func (c *deafConn) Kill()                       {}

func newLink() (*link, *deafConn) {
	c := &deafConn{}
	return &link{Conn: c, replies: map[string]chan *clientv1.ServerFrame{}, welcome: true, over: make(chan struct{}), changed: make(chan struct{}, 1)}, c
}

// TestOldLink has a connection end, and the next one take its place, just as an answer arrives on
// it: whatever it began must not touch what the next one has.
func TestOldLink(t *testing.T) {
	for name, tt := range map[string]struct {
		answer *clientv1.ServerFrame
		// next is what the next connection has brought meanwhile.
		next timeline
	}{
		"subscribed meanwhile":   {&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Subscribed{Subscribed: &clientv1.Subscribed{From: 3}}}, timeline{live: true}},
		"still to subscribe":     {&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Subscribed{Subscribed: &clientv1.Subscribed{From: 3}}}, timeline{filling: true}},
		"nothing more to fill":   {&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Subscribed{Subscribed: &clientv1.Subscribed{}}}, timeline{filling: true}},
		"refused on the old one": {&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: "NOT_A_MEMBER"}}}, timeline{live: true, filling: true}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				d := newDevice(&System{ctx: t.Context()}, Who{Person: "u1"})
				old, conn := newLink()
				d.conn = old
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					err = d.catchUp(context.WithoutCancel(t.Context()), old, &clientv1.SessionState{Session: "g:1", Member: true})
				}()
				synctest.Wait()
				if len(conn.said) != 1 || conn.said[0].GetSubscribe() == nil {
					t.Fatalf("it said %v", conn.said)
				}
				d.mu.Lock()
				tt.answer.Id = conn.said[0].GetId()
				d.frame(old, tt.answer)
				d.end(old)
				next, _ := newLink()
				d.conn = next
				copied := d.copies["g:1"]
				copied.live, copied.filling = tt.next.live, tt.next.filling
				d.mu.Unlock()
				<-done
				if err == nil {
					t.Error("the old connection caught up")
				}
				if copied.live != tt.next.live || copied.filling != tt.next.filling {
					t.Errorf("live %t, filling %t; the next connection had left live %t, filling %t", copied.live, copied.filling, tt.next.live, tt.next.filling)
				}
				if tt.answer.GetError() == nil && !errors.Is(err, errNoAnswer) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
