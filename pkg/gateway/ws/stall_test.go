package ws

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
)

// stepped is a socket whose writes end when and as the test says.
type stepped struct {
	net.Conn
	begun  chan struct{}
	end    chan error
	closed chan struct{}
	out    bytes.Buffer // the writer's alone until closed
}

func (s *stepped) Write(b []byte) (int, error) {
	s.begun <- struct{}{}
	if err := <-s.end; err != nil {
		n := len(b) / 2
		s.out.Write(b[:n])
		return n, err
	}
	return s.out.Write(b)
}

func (s *stepped) SetReadDeadline(time.Time) error  { return nil }
func (s *stepped) SetWriteDeadline(time.Time) error { return nil }

func (s *stepped) CloseWrite() error {
	close(s.closed)
	return nil
}

// held is a log that keeps who closes a connection between having said so and doing it.
type held struct {
	slog.Handler
	said, goOn chan struct{}
}

func (h *held) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *held) Enabled(context.Context, slog.Level) bool { return true }

func (h *held) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "closing a connection" {
		close(h.said)
		<-h.goOn
	}
	return nil
}

// TestAStallWhileAnotherCloses: what is dropped leaves no gap, whoever closes the connection and for whatever reason:
// nothing but the close frame comes behind.
func TestAStallWhileAnotherCloses(t *testing.T) {
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	world, log := gatewaytest.New(), &held{slog.DiscardHandler, make(chan struct{}), make(chan struct{})}
	defer world.Log.Close()
	config := gateway.DefaultConfig()
	config.Instance = "g1"
	gw, err := gateway.New(config, gateway.Ports{
		Log: world.Log, View: world, Feed: world.NewFeed("g1"), Notifier: world.Notifier(), Tokens: auth.NewVerifier(key.Public(), time.Now),
		Now: time.Now, Logger: slog.New(log), Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := &stepped{begun: make(chan struct{}), end: make(chan error), closed: make(chan struct{})}
	s := &socket{o: &Options{WriteTimeout: time.Minute, MaxQueueFrames: 100, MaxQueueBytes: 1 << 20}, raw: raw}
	if s.peer = gw.Connect(s); s.peer == nil {
		t.Fatal("the gateway takes no connection")
	}
	write := func(ends error) {
		<-raw.begun
		raw.end <- ends
	}
	first, second := []byte("first"), bytes.Repeat([]byte("2"), chunk)
	s.Send(first)
	<-raw.begun
	s.Send(second)
	s.Send([]byte("third, of the batch of the second"))
	raw.end <- nil
	<-raw.begun // the second
	s.Send([]byte("fourth, queued behind that batch"))
	go s.peer.Fail(events.CodeGoingAway, "")
	<-log.said
	raw.end <- os.ErrDeadlineExceeded
	<-raw.begun // the second's rest
	s.Send([]byte("fifth, on its way when the write stalled"))
	raw.end <- nil
	close(log.goOn)
	write(nil) // the close frame
	select {
	case <-raw.closed:
	case <-raw.begun:
		t.Fatal("more is written than the close frame")
	}
	want := appendFrame(nil, s.opcode(), first)
	want = appendFrame(want, s.opcode(), second)
	want = append(want, appendClose(nil, events.CodeGoingAway.Info().Close, string(events.CodeGoingAway))...)
	if !bytes.Equal(raw.out.Bytes(), want) {
		t.Errorf("%d bytes were written, want %d: the first two frames and the close frame", raw.out.Len(), len(want))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames != 0 || s.bytes != 0 {
		t.Errorf("%d frames with %d bytes are counted as queued at the end", s.frames, s.bytes)
	}
}
