package importer

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// maxLine is the longest line read, in bytes; a text has 64 KiB at most.
const maxLine = 1 << 20

// kind is what happened.
type kind string

const (
	message kind = "message"
	action  kind = "action"
	join    kind = "join"
	leave   kind = "leave"
)

// line is one of the file's.
type line struct {
	number  int
	time    time.Time
	channel string
	kind    kind
	user    string
	text    string
}

// clientID is the line's identity: its number and a hash of what it says, however that was
// written. The same file again says the same at the same number; of another file only
// lines that do are taken for the same.
func (l line) clientID() string {
	h := sha256.New()
	for _, part := range []string{l.time.UTC().Format(time.RFC3339Nano), l.channel, string(l.kind), l.user, l.text} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return fmt.Sprintf("L%d-%x", l.number, h.Sum(nil)[:hashBytes])
}

// hashBytes tell a line from others at the same number, of which there are as many as there
// are files.
const hashBytes = 6

// lines reads the file line by line.
type lines struct {
	r      *bufio.Reader
	number int
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// malformedError is a line that cannot be read.
type malformedError struct {
	number int
	err    error
}

func (e *malformedError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }

// next gives the next line; io.EOF after the last. A *malformedError is about one
// line, and the next can be read.
func (l *lines) next() (line, error) {
	raw, err := l.raw()
	var tooLong *malformedError
	switch {
	case errors.As(err, &tooLong):
		return line{}, err
	case err != nil && !errors.Is(err, io.EOF):
		return line{}, fmt.Errorf("importer: after line %d: %w", l.number, err)
	case err != nil && len(raw) == 0:
		return line{}, io.EOF
	}
	parsed, err := parseLine(raw)
	if err != nil {
		return line{}, &malformedError{l.number, err}
	}
	parsed.number = l.number
	return parsed, nil
}

// raw reads up to the next newline, and throws away what is too long.
func (l *lines) raw() ([]byte, error) {
	var all []byte
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		if len(all) == 0 && len(part) > 0 {
			l.number++
		}
		if tooLong = tooLong || len(all)+len(part) > maxLine; !tooLong {
			all = append(all, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if tooLong {
			return nil, &malformedError{l.number, fmt.Errorf("over %d bytes", maxLine)}
		}
		return all, err
	}
}

func parseLine(raw []byte) (line, error) {
	var in struct {
		Time    time.Time `json:"time"`
		Channel string    `json:"channel"`
		Kind    kind      `json:"kind"`
		User    string    `json:"user"`
		Text    *string   `json:"text"`
	}
	if !utf8.Valid(raw) {
		return line{}, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return line{}, fmt.Errorf("not a line of a channel: %w", err)
	}
	l := line{time: in.Time, channel: in.Channel, kind: in.Kind, user: in.User}
	switch {
	case in.Time.IsZero():
		return line{}, errors.New("no time")
	case in.Channel == "":
		return line{}, errors.New("no channel")
	case in.User == "":
		return line{}, errors.New("no user")
	}
	switch in.Kind {
	case join, leave:
		return l, nil
	case message, action:
		if in.Text == nil {
			return line{}, fmt.Errorf("a %s without text", in.Kind)
		}
	default:
		return line{}, fmt.Errorf("unknown kind %q", in.Kind)
	}
	l.text = *in.Text
	if in.Kind == action {
		l.text = "/me " + l.text
	}
	return l, nil
}
