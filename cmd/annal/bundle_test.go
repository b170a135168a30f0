package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/events"
)

// created is a source of one record; meanwhile is done before that is given.
type created struct {
	t         *testing.T
	meanwhile func() error
}

func (c created) Session(_ context.Context, s events.SessionID, each func(*audit.Record) error) error {
	c.t.Helper()
	o := events.Outcome{Session: s, Time: 1, Actor: events.Actor{User: "ann"}, Result: events.Accepted{Seq: 1, Event: events.Created{Kind: events.KindGroup}}}
	rec, err := events.EncodeOutcome(o, events.Stamp{}, events.Envelope{Source: "test"})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := each(&audit.Record{Session: s, Value: rec.Value}); err != nil {
		return err
	}
	return c.meanwhile()
}

func (c created) All(ctx context.Context, each func(*audit.Record) error) error {
	return c.Session(ctx, "g_1", each)
}

// TestBundlesAreWholeOrNotThere: a bundle's name stands for a whole one, which nothing that was there before has to give way to.
func TestBundlesAreWholeOrNotThere(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	outage := errors.New("an outage")
	for name, c := range map[string]struct {
		meanwhile func(path string) error
		want      error
		left      string
	}{
		"written": {func(path string) error {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("while it is written: %v, want nothing under its name", err)
			}
			return nil
		}, nil, "case7.tar"},
		"an outage": {func(string) error { return outage }, outage, ""},
		"taken":     {func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) }, fs.ErrExist, "case7.tar"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "case7.tar")
			b, err := newBundle(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.write(t.Context(), created{t, func() error { return c.meanwhile(path) }}, audit.Range{Session: "g_1"}, key)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := b.discard(); err != nil {
				t.Error(err)
			}
			if got := names(t, filepath.Dir(path)); got != c.left {
				t.Errorf("there are left %q, want %q", got, c.left)
			}
			if c.left == "" {
				return
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := audit.Check(bytes.NewReader(content), nil); (c.want == nil) != (err == nil) || c.want != nil && string(content) != "mine" {
				t.Errorf("%d bytes: %v", len(content), err)
			}
		})
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestBadReadsAreRefusedUnnoted: what cannot be read or written is refused before the log is opened, so before a read is noted in it.
func TestBadReadsAreRefusedUnnoted(t *testing.T) {
	dir := t.TempDir()
	key, taken := filepath.Join(dir, "key.json"), filepath.Join(dir, "taken.tar")
	if _, err := execute(t, auditCommand(), "", "key", "--new", key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	export := []string{"export", "--session", "g_1", "--key", key, "--out", filepath.Join(dir, "new.tar")}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"chain", "--all", "--from", "foo"}, `--from is kafka or vault or archive, not "foo"`},
		{[]string{"chain", "--all", "--from", ""}, `--from is kafka or vault or archive, not ""`},
		{[]string{"chain", "--all", "--from", "vault"}, errNoVault.Error()},
		{[]string{"chain", "--all", "--from", "archive"}, "no archive to read"},
		{append(export, "--source", "vault"), `--source is kafka or archive, not "vault"`},
		{append(export, "--source", "archive"), "no archive to read"},
		{append(export, "--from", "2000", "--to", "2000"), "--to does not lie behind --from"},
		{append(export, "--out", taken), "taken.tar: file already exists"},
		{append(export, "--out", filepath.Join(dir, "none", "new.tar")), "no such file or directory"},
	} {
		args := append(c.args, "--auditor", "aud", "--reason", "case 7", "--kafka", "127.0.0.1:1")
		if _, err := execute(t, auditCommand(), "", args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("audit %v: got %v, want %s", c.args, err, c.want)
		}
	}
	if got := names(t, dir); got != before {
		t.Errorf("there are left %q, want %q", got, before)
	}
}
