package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
)

// Keys of requests.
const (
	fetchKey       = 1
	listOffsetsKey = 2
)

// watched is a way to the broker on which each request is seen by its key, and lost if that is false.
type watched func(key uint16) bool

func (w watched) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, kind, address)
	return &watchedConn{conn, w}, err
}

type watchedConn struct {
	net.Conn
	sees watched
}

// Write sees one whole request: its size in 4 bytes, then its key in 2.
func (c *watchedConn) Write(b []byte) (int, error) {
	if len(b) >= 6 && !c.sees(binary.BigEndian.Uint16(b[4:])) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestCountThatCantBeRead: a role that can't learn how many partitions there were ends and says so.
func TestCountThatCantBeRead(t *testing.T) {
	opts := options(t, kfake(t))
	if err := openLog(t, opts).CreateTopics(within(t), EmbeddedSpec()); err != nil {
		t.Fatal(err)
	}
	opts.Dial = watched(func(key uint16) bool { return key != fetchKey }).dial
	err := openLog(t, opts).CheckTopics(within(t), 1)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), opts.topic(settled)+"/0, where it is written down") {
		t.Fatalf("got %v, want an error that names the topic", err)
	}
}

// TestCountOfTopicsJustCreated: who checks while another creates the topics waits a moment for the count, and not for ever.
func TestCountOfTopicsJustCreated(t *testing.T) {
	opts := options(t, kfake(t))
	creator := openLog(t, opts)
	if err := creator.createTopics(within(t), EmbeddedSpec()); err != nil {
		t.Fatal(err)
	}
	wantDifferences(t, creator.CheckTopics(within(t), 1), "annal.events was created with; annal topics create does")

	looks := make(chan struct{}, 1000)
	opts.Dial = watched(func(key uint16) bool {
		if key == listOffsetsKey {
			looks <- struct{}{}
		}
		return true
	}).dial
	checker, checked := openLog(t, opts), make(chan error, 1)
	ctx := within(t)
	go func() { checked <- checker.CheckTopics(ctx, 1) }()
	for range 3 { // the log's two ends, and again: it was empty
		select {
		case <-looks:
		case err := <-checked:
			t.Fatalf("got %v before the count was written, want it to be waited for", err)
		}
	}
	if err := creator.settleCount(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-checked; err != nil {
		t.Fatalf("the count is there now, and the check says %v", err)
	}
}
