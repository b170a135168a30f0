package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/config"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestTheWholeSurface: every setting, its text and its default stand in a file, so that
// a change of them is seen in review. `go test ./cmd/annal -run Surface -update` writes it.
func TestTheWholeSurface(t *testing.T) {
	for name, args := range map[string][]string{"serve.yaml": {"config", "--defaults"}, "dev.yaml": {"config", "dev", "--defaults"}} {
		t.Setenv("ANNAL_HTTP", "0.0.0.0:1") // defaults are not what is in force
		got, err := execute(t, rootCommand(), "", args...)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "config", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is out of date (-update writes it); annal %s prints\n%s", path, strings.Join(args, " "), got)
		}
	}
}

// TestSettingsAreTheFlags: nothing can be said by a flag and not in the file, but for
// --config itself and help.
func TestSettingsAreTheFlags(t *testing.T) {
	for _, c := range []struct {
		cmd *cobra.Command
		s   *serverFlags
	}{{serveCommand(), newServeFlags()}, {devCommand(), newDevFlags()}} {
		var left []string
		c.cmd.InitDefaultHelpFlag()
		for line := range strings.Lines(c.cmd.Flags().FlagUsages()) {
			_, name, ok := strings.Cut(line, "--")
			if name, _, _ = strings.Cut(name, " "); ok && c.s.settings.Lookup(strings.TrimSpace(name)) == nil {
				left = append(left, strings.TrimSpace(name))
			}
		}
		if got := strings.Join(left, " "); got != "config help" {
			t.Errorf("annal %s: flags that are no settings: %q, want config and help", c.cmd.Name(), got)
		}
	}
}

func TestConfigInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "annal.yaml")
	content := "roles: [hot, sequencer]\nkafka: [k:9092]\nredis: r:6379\nlog-level: debug\nhttp: 0.0.0.0:80\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANNAL_REDIS", "env:6379")
	out, err := execute(t, rootCommand(), "", "config", "--config", path, "--http", ":81")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"roles: [hot, sequencer] # " + path + ", line 1\n", "redis: env:6379 # ANNAL_REDIS\n", "http: :81 # --http\n", "log-format: text\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	// What it prints is a file that gives the same.
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := execute(t, rootCommand(), "", "config", "--config", path)
	if err != nil || bare(again) != bare(out) {
		t.Errorf("%v; got\n%s\nwant the settings of\n%s", err, again, out)
	}
}

// bare leaves comments out.
func bare(yaml string) string {
	var b bytes.Buffer
	for line := range strings.Lines(yaml) {
		setting, _, _ := strings.Cut(line, " #")
		if !strings.HasPrefix(setting, "#") {
			b.WriteString(strings.TrimSpace(setting) + "\n")
		}
	}
	return b.String()
}

func TestServersRefuseWrongSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "annal.yaml")
	if err := os.WriteFile(path, []byte("# a comment\nredis: r:1\nredness: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want error
	}{
		{[]string{"serve", "--config", path}, config.ErrUnknownKey},
		{[]string{"config", "--config", path}, config.ErrUnknownKey},
		{[]string{"dev", "--config", path + ".none"}, config.ErrFile},
		{[]string{"serve"}, app.ErrNoKafka},
		{[]string{"config"}, app.ErrNoKafka},
		{[]string{"config", "--kafka", "k"}, app.ErrNoRedis},
		{[]string{"config", "dev", "--engines", "steam"}, app.ErrEngines},
		{[]string{"dev", "--partitions", "0"}, app.ErrPartitions},
	} {
		_, err := execute(t, rootCommand(), "", c.args...)
		if !errors.Is(err, c.want) {
			t.Errorf("annal %s: %v, want %v", strings.Join(c.args, " "), err, c.want)
		}
		if errors.Is(err, config.ErrUnknownKey) && !strings.Contains(err.Error(), "line 3") {
			t.Errorf("annal %s: %v, want its line", strings.Join(c.args, " "), err)
		}
	}
}

// TestEveryCommandHasAnExample: help says how a command is used.
func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Runnable() && (cmd.Example == "" || cmd.Short == "") {
			t.Errorf("%s: no short text or no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}
