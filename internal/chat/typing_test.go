package chat

import (
	"io"
	"testing"
	"time"

	"golang.org/x/term"
)

// teller is a connection that notes typing, and does nothing else.
type teller struct {
	Conn
	told []string
}

func (t *teller) Typing(session string) { t.told = append(t.told, session) }

// keys are a terminal's two sides: what is typed, and nobody looking.
type keys struct {
	io.Reader
	io.Writer
}

func TestKeysTellThatThePersonTypes(t *testing.T) {
	in, write := io.Pipe()
	screen := &edited{term.NewTerminal(keys{in, io.Discard}, "> ")}
	conn := &teller{}
	c := New(conn, screen, "s", "alice", time.UTC)
	screen.OnKey(c.typed)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for {
			line, err := screen.ReadLine()
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	for _, step := range []struct {
		typed string
		ago   time.Duration
		want  int
	}{
		{"/who", time.Hour, 0},
		{"h", time.Hour, 0},
		{"hello", time.Hour, 1},
		{"again", 0, 1},
		{"later", typingEvery, 2},
	} {
		c.typing = c.typing.Add(-step.ago)
		if _, err := io.WriteString(write, step.typed+"\r"); err != nil {
			t.Fatal(err)
		}
		if got := <-lines; got != step.typed || len(conn.told) != step.want {
			t.Errorf("after %q: the line is %q, and typing was told %d times, want %d", step.typed, got, len(conn.told), step.want)
		}
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	for range lines {
	}
}
