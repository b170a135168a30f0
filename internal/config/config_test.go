package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// settings are one of each type.
type settings struct {
	*pflag.FlagSet
	name  string
	hosts []string
	n     int32
	on    bool
	wait  time.Duration
}

func newSettings() *settings {
	s := &settings{FlagSet: pflag.NewFlagSet("test", pflag.ContinueOnError)}
	s.SortFlags = false
	s.StringVar(&s.name, "the-name", "no", "what it is called")
	s.StringSliceVar(&s.hosts, "hosts", []string{"h:1"}, "where they are")
	s.Int32Var(&s.n, "n", 4, "how many")
	s.BoolVar(&s.on, "on", false, "whether")
	s.DurationVar(&s.wait, "wait", time.Minute, "how long")
	return s
}

func (s *settings) String() string {
	return fmt.Sprintf("%s %v %d %v %v", s.name, s.hosts, s.n, s.on, s.wait)
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "annal.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	path := file(t, "the-name: file\nhosts: [f:1, f:2]\nn: 7\nwait: 90s\n")
	t.Setenv("ANNAL_HOSTS", "e:1,e:2")
	t.Setenv("ANNAL_N", "8")
	s := newSettings()
	if err := s.Parse([]string{"--n", "9"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(FromEnvironment(s.FlagSet), FromFile(s.FlagSet, path)); err != nil {
		t.Fatal(err)
	}
	if got, want := s.String(), "file [e:1 e:2] 9 false 1m30s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var out bytes.Buffer
	if err := Write(&out, s.FlagSet); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`# what it is called
the-name: file # %[1]s, line 1
# where they are
hosts: ['e:1', 'e:2'] # ANNAL_HOSTS
# how many
n: 9 # --n
# whether
on: false
# how long
wait: 1m30s # %[1]s, line 4
`, path)
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestWhatIsWrittenIsTaken(t *testing.T) {
	a, b := newSettings(), newSettings()
	a.name, a.hosts, a.n, a.on, a.wait = "yes: # 1", []string{"a, b", "true"}, -1, true, time.Millisecond
	var out bytes.Buffer
	if err := WriteDefaults(&out, a.FlagSet); err != nil {
		t.Fatal(err)
	}
	if err := FromFile(b.FlagSet, file(t, out.String())); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if a.String() != b.String() {
		t.Errorf("got %s, want %s, from\n%s", b, a, out.String())
	}
}

func TestFilesThatAreTaken(t *testing.T) {
	for _, content := range []string{"", "# nothing\n", "---\n", "the-name: no\n", `the-name: "no"`} {
		s := newSettings()
		if err := FromFile(s.FlagSet, file(t, content)); err != nil || s.String() != newSettings().String() {
			t.Errorf("%q: %s, %v; want the defaults", content, s, err)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for content, want := range map[string]struct {
		err  error
		text string
	}{
		"n: 1\n\nsize: 2\n":                 {ErrUnknownKey, `line 3: config: no such setting: "size"; there are the-name, hosts`},
		"n: 1\nn: 2\n":                      {ErrTwice, "line 2"},
		"n: many\n":                         {ErrValue, "line 1"},
		"n: 3000000000\n":                   {ErrValue, "line 1"},
		"on: maybe\n":                       {ErrValue, "line 1"},
		"\nwait: 10\n":                      {ErrValue, "line 2"},
		"wait:\n":                           {ErrValue, "no value"},
		"hosts: h:1\n":                      {ErrValue, "want a list"},
		"hosts: [[a]]\n":                    {ErrValue, "want one value"},
		"the-name: [a]\n":                   {ErrValue, "want one value"},
		"the-name: {a: b}\n":                {ErrValue, "want one value"},
		"n: &x 1\nwait: *x\n":               {ErrValue, "line 2"},
		"- n\n":                             {ErrForm, "line 1"},
		"n: 1\n---\nn: 2\n":                 {ErrForm, "second document"},
		"n: [\n":                            {ErrForm, ""},
		"? [a]\n: b\n":                      {ErrForm, "line 1"},
		strings.Repeat("#", maxFileBytes+1): {ErrFile, "bytes"},
	} {
		err := FromFile(newSettings().FlagSet, file(t, content))
		if !errors.Is(err, want.err) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%.30q: %v; want %v with %q", content, err, want.err, want.text)
		}
	}
	if err := FromFile(newSettings().FlagSet, filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrFile) {
		t.Errorf("a file that is not there: %v, want %v", err, ErrFile)
	}
}

// TestAFileIsWrongWhateverComesBeforeIt: what a flag says hides no mistake in the file.
func TestAFileIsWrongWhateverComesBeforeIt(t *testing.T) {
	for _, content := range []string{"n: many\n", "hosts: 1\n"} {
		s := newSettings()
		if err := s.Parse([]string{"--n", "9", "--hosts", "c:1"}); err != nil {
			t.Fatal(err)
		}
		if err := FromFile(s.FlagSet, file(t, content)); !errors.Is(err, ErrValue) {
			t.Errorf("%q: %v, want %v", content, err, ErrValue)
		}
		if err := FromFile(s.FlagSet, file(t, "n: 1\nhosts: [f:1]\n")); err != nil || s.n != 9 || s.hosts[0] != "c:1" {
			t.Errorf("%s, %v; want what the flags say", s, err)
		}
	}
}

func TestWrongEnvironment(t *testing.T) {
	t.Setenv("ANNAL_WAIT", "10")
	if err := FromEnvironment(newSettings().FlagSet); !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "ANNAL_WAIT") {
		t.Errorf("got %v; want %v of ANNAL_WAIT", err, ErrValue)
	}
}
