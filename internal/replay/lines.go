package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"annal/internal/logview"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"

	clientv1 "annal/gen/annal/client/v1"
)

// Lines shows outcomes to people, a line each.
type Lines struct{ W io.Writer }

// Take implements Sink.
func (l Lines) Take(_ context.Context, e *Entry) error {
	text := logview.Line(&e.Outcome)
	if e.Unreadable != nil {
		text = fmt.Sprintf("%s cannot be shown: %v", e.Outcome.Session, e.Unreadable)
	}
	if _, err := fmt.Fprintf(l.W, "%s %d/%d %s\n", e.Outcome.Time, e.Record.Partition, e.Record.Offset, text); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// JSON shows outcomes to programs, an object a line: partition, offset, time_ms, session, result (accepted, rejected, answered,
// unreadable), code of those that were not accepted, and the event as the client protocol has it.
type JSON struct{ W io.Writer }

type jsonLine struct {
	Partition int32            `json:"partition"`
	Offset    int64            `json:"offset"`
	TimeMs    int64            `json:"time_ms"`
	Session   events.SessionID `json:"session"`
	Result    string           `json:"result"`
	Code      events.Code      `json:"code,omitempty"`
	Event     json.RawMessage  `json:"event,omitempty"`
}

// Take implements Sink.
func (j JSON) Take(_ context.Context, e *Entry) error {
	line := jsonLine{
		Partition: e.Record.Partition, Offset: e.Record.Offset, TimeMs: int64(e.Outcome.Time), Session: e.Outcome.Session, Result: "unreadable",
	}
	switch r := e.Outcome.Result.(type) {
	case events.Accepted:
		var frame struct {
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(frameOf(e), &frame); err != nil {
			return fmt.Errorf("replay: %d/%d: %w", e.Record.Partition, e.Record.Offset, err)
		}
		line.Result, line.Event = "accepted", frame.Event
	case events.Rejected:
		line.Result, line.Code = "rejected", r.Code
	case events.Answered:
		line.Result, line.Code = "answered", r.Code
	}
	if err := json.NewEncoder(j.W).Encode(line); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// frameOf is an accepted event as a frame of the client protocol, as it was told when it happened; nil for all else.
func frameOf(e *Entry) []byte {
	event := gateway.EventOf(&e.Outcome, hot.State{})
	if event == nil {
		return nil
	}
	return protocol.JSONCodec.AppendServer(nil, &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: event}})
}
