package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"annal/internal/endpoints"
	"annal/pkg/client/clienttest"
)

// execute runs a command with arguments and input, and gives what it prints.
func execute(t *testing.T, cmd *cobra.Command, input string, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(input))
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	if t.Failed() || err != nil {
		t.Logf("%s", log.String())
	}
	return out.String(), err
}

// endpointsOf writes a server's endpoints file with a service token.
func endpointsOf(t *testing.T, s *clienttest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "endpoints.json")
	if err := endpoints.Write(path, endpoints.File{WS: s.URL(), Token: s.Token("dev", "dev")}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChatOverAPipe(t *testing.T) {
	s := clienttest.Serve(t)
	file := endpointsOf(t, s)
	out, err := execute(t, chatCommand(), "hello bob\n/edit hello, bob\n", "--endpoints", file, "--as", "alice", "--with", "bob")
	if err != nil || !strings.Contains(out, "#2 you: hello bob\n") || !strings.Contains(out, "* you edited #2: hello, bob\n") {
		t.Errorf("alice sees %v\n%s", err, out)
	}
	out, err = execute(t, chatCommand(), "hi\n", "--url", s.URL(), "--token", s.Token("bob", ""), "--with", "alice")
	if err != nil || !strings.Contains(out, "#2 alice: hello, bob (edited)\n") || !strings.Contains(out, "#4 you: hi\n") {
		t.Errorf("bob sees %v\n%s", err, out)
	}
}

func TestChatSaysWhatIsMissing(t *testing.T) {
	s := clienttest.Serve(t)
	file := endpointsOf(t, s)
	for _, x := range []struct {
		want string
		args []string
	}{
		{"--as", []string{"--endpoints", file, "--with", "bob"}},
		{"is bob's own, not alice's", []string{"--url", s.URL(), "--token", s.Token("bob", ""), "--as", "alice", "--with", "carol"}},
		{"--token", []string{"--url", s.URL(), "--as", "alice", "--with", "bob"}},
		{"is the server running?", []string{"--endpoints", file + ".none", "--as", "alice", "--with", "bob"}},
		{"at least one of the flags", []string{"--endpoints", file, "--as", "alice"}},
		{"need a --group", []string{"--endpoints", file, "--as", "alice", "--with", "bob", "--with", "carol"}},
		{"BAD_TOKEN", []string{"--url", s.URL(), "--token", "forged", "--with", "bob"}},
	} {
		if _, err := execute(t, chatCommand(), "", x.args...); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: got %v; want an error with %q", x.args, err, x.want)
		}
	}
}

func TestImportPrintsItsSummary(t *testing.T) {
	s := clienttest.Serve(t)
	file := endpointsOf(t, s)
	args := []string{"--endpoints", file, "../../examples/ubuntu-irc-sample.jsonl.gz"}
	out, err := execute(t, importCommand(), "", append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var sum map[string]any
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	for key, want := range map[string]float64{"lines": 2000, "acked": 1945, "already": 0, "answered": 53} {
		if sum[key] != want {
			t.Errorf("%s is %v, want %v", key, sum[key], want)
		}
	}
	if len(sum) != 6 || sum["seconds"] == nil || sum["rejected"] == nil {
		t.Errorf("the summary has the keys of %v; want lines, acked, already, answered, rejected, seconds", sum)
	}
	out, err = execute(t, importCommand(), "", append(args, "--connections", "2")...)
	if err != nil || !strings.Contains(out, "already: brought in by a former run") || !strings.Contains(out, "2000 lines of 1 channels, in 1 sessions") {
		t.Errorf("a second run prints %v\n%s", err, out)
	}
	for _, want := range []string{"1947 acked", "2000 already"} {
		out, err = execute(t, importCommand(), "", append(args, "--split", "day")...)
		if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "in 2 sessions") {
			t.Errorf("by day: %v; want %s in\n%s", err, want, out)
		}
	}
}
