package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/events"
)

// grace is how long who is too slow may take for the frame under way, so that they are told so.
const grace = 10 * time.Second

// before is how many frames a watcher may have before it.
const before = 256

// watcher is a connection as a sink.
type watcher struct {
	conn     *websocket.Conn
	patience time.Duration
	frames   chan []byte
	// enough is closed when nothing more is to be written, written when nothing is under way any more.
	enough, written chan struct{}
}

func newWatcher(conn *websocket.Conn, patience time.Duration) *watcher {
	return &watcher{conn: conn, patience: patience, frames: make(chan []byte, before), enough: make(chan struct{}), written: make(chan struct{})}
}

// Take implements Sink.
func (w *watcher) Take(ctx context.Context, e *Entry) error {
	frame := frameOf(e)
	if frame == nil {
		return nil
	}
	t := time.NewTimer(w.patience)
	defer t.Stop()
	select {
	case w.frames <- frame:
		return nil
	case <-t.C:
		return fmt.Errorf("%w: %d frames wait for %v", ErrSlow, before, w.patience)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write writes until there are no more frames, or enough. It calls gone when the watcher takes none any more.
func (w *watcher) write(gone func()) {
	defer close(w.written)
	for {
		select {
		case <-w.enough:
			return
		default:
		}
		select {
		case <-w.enough:
			return
		case frame, more := <-w.frames:
			if !more {
				return
			}
			if w.conn.SetWriteDeadline(time.Now().Add(w.patience+grace)) != nil || w.conn.WriteMessage(websocket.TextMessage, frame) != nil {
				gone()
				return
			}
		}
	}
}

// end tells the watcher why there is no more: after all frames when the replay is over, else after the one under way.
func (w *watcher) end(err error) {
	code, text := websocket.CloseNormalClosure, "the replay is over"
	switch {
	case err == nil:
		close(w.frames)
	case errors.Is(err, ErrSlow):
		code, text = int(events.CodeTooSlow.Info().Close), string(events.CodeTooSlow)
	case errors.Is(err, context.Canceled):
		code, text = int(events.CodeGoingAway.Info().Close), string(events.CodeGoingAway)
	default:
		code, text = websocket.CloseInternalServerErr, "the log cannot be read"
	}
	if err != nil {
		close(w.enough)
	}
	<-w.written
	// Who is gone hears nothing.
	_ = w.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
}
