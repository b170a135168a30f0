package e2e

import (
	"annal/internal/annaltest"

	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// terminal is an `annal chat` on pipes.
type terminal struct {
	*annaltest.Process
	t      *testing.T
	typing io.Writer
}

func chat(t *testing.T, s *annaltest.Server, me, other string) *terminal {
	t.Helper()
	in, typing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), typing.Close()); err != nil {
			t.Errorf("close the pipe of %s: %v", me, err)
		}
	})
	return &terminal{annaltest.Start(t, "chat-"+me, in, "chat", "--endpoints", s.File, "--as", me, "--with", other), t, typing}
}

func (c *terminal) types(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.typing, line); err != nil {
		c.t.Fatalf("type %q: %v", line, err)
	}
}

// sees waits for a line that matches and gives its first group.
func (c *terminal) sees(pattern string) string {
	c.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	var found []string
	annaltest.Eventually(c.t, annaltest.Patience, func() error {
		if found = re.FindStringSubmatch(string(c.Output())); found == nil {
			return fmt.Errorf("%s shows no line like %q", c.Name(), pattern)
		}
		return nil
	})
	return found[len(found)-1]
}

// count counts the lines that end in text.
func (c *terminal) count(text string) int {
	c.t.Helper()
	n := 0
	for line := range strings.Lines(string(c.Output())) {
		if strings.HasSuffix(strings.TrimSpace(line), text) {
			n++
		}
	}
	return n
}

func TestTwoTerminals(t *testing.T) {
	s := dev(t, "embedded")
	alice, bob := chat(t, s, "alice", "bob"), chat(t, s, "bob", "alice")
	alice.sees(`^\* you are alice`)
	bob.sees(`^\* you are bob`)

	alice.types("hello bob")
	hello := bob.sees(`#(\d+) alice: hello bob$`)
	alice.sees(`✓ read by bob up to #` + hello + `$`)
	alice.types("/edit hello, bob")
	bob.sees(`alice edited #` + hello + `: hello, bob$`)
	bob.types("hello alice")
	answer := alice.sees(`#(\d+) bob: hello alice$`)
	bob.sees(`✓ read by alice up to #` + answer + `$`)
	bob.types("/revoke")
	alice.sees(`bob revoked #` + answer + `$`)

	s.Kill()
	alice.sees(`^\* reconnecting`)
	alice.types("said while it was down")
	s.Up(t)
	bob.sees(`alice: said while it was down$`)
	bob.types("still here")
	last := alice.sees(`#(\d+) bob: still here$`)
	bob.sees(`✓ read by alice up to #` + last + `$`)
	for _, said := range []string{"alice: hello bob", "alice: said while it was down"} {
		if n := bob.count(said); n != 1 {
			t.Errorf("bob's terminal shows %q %d times, want once", said, n)
		}
	}
	alice.types("/quit")
	alice.Wait(annaltest.Patience)
	annaltest.Verify(t, s.File)
}
