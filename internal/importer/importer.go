// Package importer brings a recorded chat into Annal: each channel of the file becomes
// a channel session, or one for each of its days, and each line a command, under a
// client id made of the line's number and what it says; so a second run of the same file
// is answered and adds nothing, and another file's lines are new.
//
// The file has one JSON object a line: {"time": RFC 3339, "channel", "kind":
// "message"|"action"|"join"|"leave", "user", "text"?}, in the order it happened.
package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/events"
)

// Conn is what the import needs of a connection with a service token; *client.Client
// has it. Commands of one session keep the order of the calls.
type Conn interface {
	Do(ctx context.Context, op client.Op, opts ...client.CommandOption) (client.Ack, error)
	Go(ctx context.Context, op client.Op, done func(client.Ack, error), opts ...client.CommandOption)
	// Ping gives the server's clock in milliseconds.
	Ping(ctx context.Context) (int64, error)
}

// Split says into which sessions a channel is brought.
type Split string

// The splits.
const (
	// SplitNone: one session per channel.
	SplitNone Split = "none"
	// SplitDay: one session per channel and day, in UTC.
	SplitDay Split = "day"
)

// ErrSplit is a split that is none of these.
var ErrSplit = errors.New("importer: --split: want " + string(SplitNone) + " or " + string(SplitDay))

// Options of an import.
type Options struct {
	// Split is SplitNone when empty.
	Split Split
	// Owner is the user who creates the channels.
	Owner string
	// Log hears of every line that was rejected or cannot be read; may be nil.
	Log io.Writer
}

// Run imports what r holds over conns, the channels spread over them, and waits for
// all outcomes. An error means that lines are left without one; the summary is of
// the others.
func Run(ctx context.Context, conns []Conn, r io.Reader, opts Options) (Summary, error) {
	if opts.Split != "" && opts.Split != SplitNone && opts.Split != SplitDay {
		return Summary{}, fmt.Errorf("%w, not %q", ErrSplit, opts.Split)
	}
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start, err := conns[0].Ping(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("importer: %w", err)
	}
	t := &tally{opts: opts, start: start, summary: Summary{Rejected: map[string]int{}}}
	im := &importing{conns: conns, opts: opts, tally: t, channels: map[room]*channel{}, names: map[string]bool{}}
	err = im.all(ctx, newLines(r))
	if err != nil {
		cancel() // what is in flight need not be waited out
	}
	t.ended.Wait()
	if err == nil {
		err = t.err
	}
	t.summary.Seconds = time.Since(began).Seconds()
	t.summary.Channels, t.summary.Sessions = len(im.names), len(im.channels)
	return t.summary, err
}

type importing struct {
	conns    []Conn
	opts     Options
	tally    *tally
	channels map[room]*channel
	// names are the channels' own.
	names map[string]bool
}

// room is what becomes one session: a channel, or a day of it.
type room struct {
	channel string
	// day is as in 2005-10-31, empty when channels are not split.
	day string
}

func (im *importing) roomOf(l line) room {
	if im.opts.Split == SplitDay {
		return room{l.channel, l.time.UTC().Format(time.DateOnly)}
	}
	return room{channel: l.channel}
}

// channel is a room met in the file.
type channel struct {
	conn    Conn
	session string
	// former: a former run created it. In a channel of this run nothing can be
	// another's, so repeats there are what the client sent again.
	former bool
	// in are the people in at this point of the file.
	in map[string]bool
}

func (im *importing) all(ctx context.Context, lines *lines) error {
	for {
		l, err := lines.next()
		var bad *malformedError
		switch {
		case errors.As(err, &bad):
			im.tally.malformed(bad)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		ch, err := im.channel(ctx, im.roomOf(l))
		if err != nil {
			return fmt.Errorf("importer: line %d: channel %q: %w", l.number, l.channel, err)
		}
		im.line(ctx, ch, l)
		if err := im.cutShort(ctx); err != nil {
			return err
		}
	}
}

// cutShort says why it makes no sense to go on.
func (im *importing) cutShort(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	im.tally.mu.Lock()
	defer im.tally.mu.Unlock()
	return im.tally.err
}

// channel gives the session of a room, created when it is first met.
func (im *importing) channel(ctx context.Context, r room) (*channel, error) {
	if ch, ok := im.channels[r]; ok {
		return ch, nil
	}
	h := fnv.New32a()
	h.Write([]byte(r.channel + r.day))
	ch := &channel{conn: im.conns[int(h.Sum32()%uint32(len(im.conns)))], in: map[string]bool{im.opts.Owner: true}}
	// Who was there reads all of it, as in the public channel it was: a stay in the
	// file is when somebody was seen, not what they may see.
	policy := &logv1.Policy{History: logv1.History_HISTORY_ALL, Joining: logv1.Joining_JOINING_OPEN, WriteRole: logv1.Role_ROLE_MEMBER}
	ack, err := ch.conn.Do(ctx, client.Create{Kind: logv1.Kind_KIND_CHANNEL, Name: r.title(), Policy: policy},
		client.AsUser(im.opts.Owner), client.ClientID(r.clientID()))
	if err != nil {
		return nil, err
	}
	ch.session, ch.former = ack.GetSession(), im.tally.repeats(ack)
	im.channels[r] = ch
	im.names[r.channel] = true
	return ch, nil
}

// clientID is the one that creates the session. No two rooms have the same: an escaped
// name has no slash.
func (r room) clientID() string {
	name, day := url.QueryEscape(r.channel), ""
	if r.day != "" {
		day = "/" + r.day
	}
	if len("import-"+name+day) > events.MaxNameBytes {
		sum := sha256.Sum256([]byte(r.channel))
		name = "sha256-" + hex.EncodeToString(sum[:])
	}
	return "import-" + name + day
}

// title cuts the channel's name to what a session's may have; the day stays whole.
func (r room) title() string {
	name, day := r.channel, ""
	if r.day != "" {
		day = " " + r.day
	}
	for len(name)+len(day) > events.MaxNameBytes {
		runes := []rune(name)
		name = string(runes[:len(runes)-1])
	}
	return name + day
}

// line sends a line's command, after letting in who speaks while out.
func (im *importing) line(ctx context.Context, ch *channel, l line) {
	im.tally.mu.Lock()
	im.tally.summary.Lines++
	im.tally.mu.Unlock()
	number, id := l.number, l.clientID()
	var op client.Op
	switch l.kind {
	case join:
		ch.in[l.user] = true
		op = client.Join{Session: ch.session}
	case leave:
		delete(ch.in, l.user)
		op = client.Leave{Session: ch.session}
	case message, action:
		if !ch.in[l.user] {
			ch.in[l.user] = true
			im.send(ctx, ch, l, id+"-join", client.Join{Session: ch.session}, func(_ client.Ack, err error) { im.tally.joined(number, err) })
		}
		op = client.Send{Session: ch.session, Text: l.text}
	}
	im.send(ctx, ch, l, id, op, func(a client.Ack, err error) { im.tally.line(number, ch.former, a, err) })
}

func (im *importing) send(ctx context.Context, ch *channel, l line, id string, op client.Op, done func(client.Ack, error)) {
	im.tally.ended.Add(1)
	ch.conn.Go(ctx, op, func(a client.Ack, err error) {
		defer im.tally.ended.Done()
		done(a, err)
	}, client.ClientID(id), client.AsUser(l.user), client.OriginTime(l.time))
}
