package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annal/pkg/events"
)

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{secretVariable: "of the environment"}
	where := []string{"--kafka", "k1:9092,k2:9092", "--login", "http://id", "--instance", "a"}
	read := func(more ...string) (settings, error) {
		return parse(slices.Concat(where, more), func(name string) string { return env[name] }, io.Discard)
	}
	s, err := read("--secret-file", file)
	if err != nil || s.login.Secret != "s3cret" || len(s.kafka) != 2 || !slices.Equal(s.servers, []string{"http://id"}) || s.begin == nil {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = read("--from", "start", "--servers", "http://g1,http://g2")
	if err != nil || s.login.Secret != "of the environment" || len(s.servers) != 2 || s.begin != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := read("--from", "2026-01-31T00:00:00Z"); err != nil || s.begin == nil {
		t.Errorf("%+v, %v", s, err)
	}
	for name, c := range map[string]struct {
		more []string
		want error
	}{
		"no Kafka":            {[]string{"--kafka", ""}, errNoKafka},
		"no login":            {[]string{"--login", ""}, errNoKafka},
		"no instance":         {[]string{"--instance", ""}, errNoInstance},
		"no file":             {[]string{"--secret-file", file + "?"}, os.ErrNotExist},
		"no time":             {[]string{"--from", "yesterday"}, errFrom},
		"nothing to say":      {[]string{"--greeting", ""}, errGreeting},
		"too much to say":     {[]string{"--greeting", strings.Repeat("a", events.MaxTextBytes+1)}, errGreeting},
		"something else, too": {[]string{"now"}, nil},
	} {
		if _, err := read(c.more...); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	clear(env)
	if _, err := read(); !errors.Is(err, errNoSecret) {
		t.Errorf("no secret: %v", err)
	}
}
