package rearchive_test

import (
	"context"
	"errors"
	"testing"

	"annal/internal/rearchive"
	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// untouched is an archive of which nothing may be asked: it notes what was.
type untouched struct {
	rearchive.Store
	asked []string
}

var errAsked = errors.New("asked")

func (u *untouched) Rebuild(context.Context, string) (archive.Rebuild, error) {
	u.asked = append(u.asked, "rebuild")
	return nil, errAsked
}

func (u *untouched) Remove(context.Context, events.SessionID) error {
	u.asked = append(u.asked, "remove")
	return errAsked
}

// TestRefusedBeforeItBegins: a log that can't be read from where it is said is refused before archivers are told to write twice, and
// before a session is removed.
func TestRefusedBeforeItBegins(t *testing.T) {
	c := newChat(t)
	c.say(200)
	said, progress := func(string) {}, func(int64, int64) {}
	try := func(from string, want error, asked int) {
		t.Helper()
		u := &untouched{}
		if _, err := rearchive.Run(t.Context(), rearchive.Options{Log: c.log, From: from, Archive: u, Holder: "test", Said: said, Progress: progress}); !errors.Is(err, want) {
			t.Errorf("from %q: %v, want %v", from, err, want)
		}
		for _, s := range c.sessions() {
			if c.partition(s) != partitions-1 {
				continue
			}
			if _, err := rearchive.Session(t.Context(), rearchive.SessionOptions{Log: c.log, From: from, Store: u, Session: s, Said: said, Progress: progress}); !errors.Is(err, want) {
				t.Errorf("%s from %q: %v, want %v", s, from, err, want)
			}
			break
		}
		if len(u.asked) != asked {
			t.Errorf("from %q the archive was asked to %v", from, u.asked)
		}
	}
	try("", errAsked, 2)
	try(rebuild.FromKafka, errAsked, 2)
	try(rebuild.FromVault, rebuild.ErrSource, 0)
	c.log.Trim(eventlog.Events, partitions-1, 5) // the others reach back
	try("", rebuild.ErrTrimmed, 0)
	try(rebuild.FromKafka, rebuild.ErrTrimmed, 0)
}

func (c *chat) partition(s events.SessionID) int32 {
	return eventlog.KeyPartition([]byte(s), partitions)
}
