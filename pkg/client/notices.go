package client

import (
	"context"
	"sync"

	clientv1 "annal/gen/annal/client/v1"
)

// Notice says that the user's list of sessions changed.
type Notice struct {
	// Session was entered (Member) or left, by the event Seq.
	Session string
	Seq     uint64
	Member  bool
	// Refused: the user asked to be let in there, and was refused. The list is as it was.
	Refused bool
	// Resync: notices may have been missed; Sync tells what is so now.
	Resync bool
}

// maxNotices bounds those nobody has taken.
const maxNotices = 256

type noticeQueue struct {
	mu   sync.Mutex
	all  []Notice
	wake chan struct{}
}

func newNoticeQueue() *noticeQueue { return &noticeQueue{wake: make(chan struct{}, 1)} }

func (q *noticeQueue) put(m *clientv1.Notice) {
	if m.GetSession() == "" {
		q.resync()
		return
	}
	q.add(Notice{Session: m.GetSession(), Seq: m.GetSeq(), Member: m.GetMember(), Refused: m.GetRefused()})
}

// resync takes the place of all notices before it.
func (q *noticeQueue) resync() {
	q.mu.Lock()
	q.all = q.all[:0]
	q.mu.Unlock()
	q.add(Notice{Resync: true})
}

func (q *noticeQueue) add(n Notice) {
	q.mu.Lock()
	if len(q.all) == maxNotices {
		q.all = append(q.all[:0], Notice{Resync: true})
	}
	q.all = append(q.all, n)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// NextNotice waits for the next notice. One goroutine at a time may call it.
func (c *Client) NextNotice(ctx context.Context) (Notice, error) {
	q := c.notices
	for {
		q.mu.Lock()
		if len(q.all) > 0 {
			n := q.all[0]
			q.all = q.all[1:]
			q.mu.Unlock()
			return n, nil
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return Notice{}, ctx.Err()
		case <-c.over:
			return Notice{}, c.cause()
		}
	}
}
