// Package chat is the terminal's side of a conversation: lines in, events out. Own
// lines appear, with their seq, when they come back as events; what is shown is
// marked as read.
package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/events"
)

// Conn is what a chat needs of a connection; Connect makes one of a client.
type Conn interface {
	Do(ctx context.Context, op client.Op, opts ...client.CommandOption) (client.Ack, error)
	Go(ctx context.Context, op client.Op, done func(client.Ack, error), opts ...client.CommandOption)
	Sync(ctx context.Context, cursor string, limit uint32) (*clientv1.SyncPage, error)
	History(ctx context.Context, session string, w client.Walk, limit uint32) (*clientv1.HistoryPage, error)
	Search(ctx context.Context, session, text, cursor string, limit uint32) (*clientv1.SearchPage, error)
	Members(ctx context.Context, session, cursor string, limit uint32) (*clientv1.MembersPage, error)
	Info(ctx context.Context, session string) (*clientv1.SessionInfo, error)
	Subscribe(ctx context.Context, session string, after uint64) (Stream, error)
	Profiles(ctx context.Context, users ...string) (map[string]*logv1.Profile, error)
	Typing(session string)
	WatchPresence(users []string, sessions ...string) Presences
}

// Presences are what is told of users who are watched.
type Presences interface {
	Next(ctx context.Context) (*clientv1.PresenceState, error)
}

// Stream is a session's events in order.
type Stream interface {
	Next(ctx context.Context) (client.Item, error)
}

// Connect makes a Conn of a client.
func Connect(c *client.Client) Conn { return live{c} }

type live struct{ *client.Client }

func (l live) Subscribe(ctx context.Context, session string, after uint64) (Stream, error) {
	return l.Client.Subscribe(ctx, session, after)
}

func (l live) WatchPresence(users []string, sessions ...string) Presences {
	return l.Client.WatchPresence(users, sessions...)
}

// Screen is where a person types and reads. Print may be called while ReadLine waits.
type Screen interface {
	// ReadLine gives the next line without its end; io.EOF after the last.
	ReadLine() (string, error)
	// Print shows a line.
	Print(line string)
	// OnKey has typed called with what the line was before each key, where keys are
	// heard of one by one. It is for before the first ReadLine.
	OnKey(typed func(line string))
}

const (
	// pageWait is how long a page is waited for that somebody asked for: what is old may not be to be had now.
	pageWait = 10 * time.Second
	// shownAtFirst is how many events are shown at the beginning, and by /history.
	shownAtFirst = 20
	// patience is how long to wait for what was typed to be answered and shown.
	patience = 10 * time.Second
)

// Chat is a conversation in a terminal.
type Chat struct {
	conn    Conn
	screen  Screen
	session string
	me      string
	zone    *time.Location

	mu sync.Mutex
	// shown is the last seq on the screen, oldest the first.
	shown, oldest uint64
	// mine is the seq of the last message of one's own.
	mine uint64
	// indexes are those of the messages shown, by seq.
	indexes map[uint64]uint64
	// acked is the last seq a command of one's own got.
	acked   uint64
	unsent  int
	changed chan struct{}
	marks   map[string]uint64
	marked  uint64
	marking bool
	lost    bool
	// names are what people call themselves, as of a moment ago. The map is never changed, but replaced.
	names map[string]named

	// typing is when the others were last told that the person types; it belongs to
	// whoever reads the screen.
	typing time.Time
}

// New makes a chat of the user me in a session. Times are shown in zone.
func New(conn Conn, screen Screen, session, me string, zone *time.Location) *Chat {
	return &Chat{conn: conn, screen: screen, session: session, me: me, zone: zone, changed: make(chan struct{}, 1), marks: map[string]uint64{}, indexes: map[uint64]uint64{}}
}

// errQuit: the person is done.
var errQuit = errors.New("chat: quit")

// Run chats until the person quits or the input ends, the user is no longer a member,
// or ctx ends. A ReadLine that still waits then is left waiting.
func (c *Chat) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	stream, err := c.begin(ctx)
	if errors.Is(err, io.EOF) {
		c.screen.Print(noLongerMember)
		return nil
	}
	if err != nil {
		return err
	}
	watching.Go(func() { c.showPresence(ctx) })
	c.screen.OnKey(c.typed)
	ended := make(chan error, 2)
	go func() { ended <- c.show(ctx, stream) }()
	go func() { ended <- c.read(ctx) }()
	switch err := <-ended; {
	case errors.Is(err, errQuit):
		c.takeLeave(ctx)
		return nil
	case errors.Is(err, io.EOF):
		c.screen.Print(noLongerMember)
		return nil
	case ctx.Err() != nil:
		return nil // interrupted
	default:
		return err
	}
}

const noLongerMember = "* you are no longer a member here"

// begin shows the newest events, and opens the stream of those after them; io.EOF when
// the user was put out in between.
func (c *Chat) begin(ctx context.Context) (Stream, error) {
	page, err := c.conn.History(ctx, c.session, client.Newest{}, shownAtFirst)
	if err != nil {
		return nil, fmt.Errorf("chat: history: %w", err)
	}
	c.showPage(ctx, page)
	c.showMarks(ctx)
	for _, e := range slices.Backward(page.GetEvents()) {
		if e.GetUser() != c.me {
			c.markRead(ctx, e.GetSeq())
			break
		}
	}
	stream, err := c.conn.Subscribe(ctx, c.session, c.lastOf(page))
	var refusal *client.Error
	if errors.As(err, &refusal) && refusal.Code == events.CodeNotAMember {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("chat: subscribe: %w", err)
	}
	return stream, nil
}

// lastOf is the seq up to which a newest page tells all.
func (c *Chat) lastOf(page *clientv1.HistoryPage) uint64 {
	var last uint64
	for _, e := range page.GetEvents() {
		last = max(last, e.GetSeq())
	}
	for _, r := range page.GetHidden() {
		last = max(last, r.GetLast())
	}
	return last
}

// show prints what comes.
func (c *Chat) show(ctx context.Context, stream Stream) error {
	for {
		item, err := stream.Next(ctx)
		if err != nil {
			return err
		}
		switch item := item.(type) {
		case client.Gap:
			c.screen.Print(fmt.Sprintf("* #%d to #%d are no longer at hand", item.First, item.Last))
			c.seen(item.Last)
		case client.Event:
			c.event(ctx, item.Event)
		case client.Typing:
			c.showTyping(ctx, item.User)
		}
	}
}

func (c *Chat) event(ctx context.Context, e *clientv1.Event) {
	if r := e.GetRead(); r != nil {
		c.mark(ctx, e.GetUser(), r.GetMarker())
		return
	}
	if e.GetDelivered() != nil {
		return
	}
	c.screen.Print(line(e, c.know(ctx, peopleOf(e)...), c.zone))
	if e.GetSeq() == 0 {
		return
	}
	c.mu.Lock()
	c.noteIndex(e)
	if e.GetSent() != nil && e.GetUser() == c.me {
		c.mine = e.GetSeq()
	}
	if c.oldest == 0 {
		c.oldest = e.GetSeq()
	}
	c.mu.Unlock()
	c.seen(e.GetSeq())
	if e.GetUser() != c.me {
		c.markRead(ctx, e.GetSeq())
	}
}

// keptIndexes bounds what is kept of messages that were shown.
const keptIndexes = 100_000

// noteIndex keeps a message's index. The lock is held.
func (c *Chat) noteIndex(e *clientv1.Event) {
	if e.GetSent() == nil {
		return
	}
	if len(c.indexes) >= keptIndexes {
		clear(c.indexes)
	}
	c.indexes[e.GetSeq()] = e.GetSent().GetIndex()
}

// indexOf is a message's index, 0 if it was not shown.
func (c *Chat) indexOf(seq uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.indexes[seq]
}

// seen notes that everything up to seq is on the screen.
func (c *Chat) seen(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = max(c.shown, seq)
	c.signal()
}

// signal wakes whoever waits for a change. The lock is held.
func (c *Chat) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// takeLeave waits for what was typed to be answered, and shown.
func (c *Chat) takeLeave(ctx context.Context) {
	c.settle(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent > 0 {
		c.screen.Print(fmt.Sprintf("* %d lines have no answer: they may or may not have been sent", c.unsent))
	}
}

// settle waits, for a while at most, until all that was typed is answered and shown.
// One goroutine at a time may call it.
func (c *Chat) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c.mu.Lock()
		done := c.unsent == 0 && c.shown >= c.acked
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			return
		}
	}
}
