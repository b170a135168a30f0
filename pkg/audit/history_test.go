package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// indexed finds sessions among a log's records, and counts how often it was asked.
type indexed struct {
	log   eventlog.Log
	asked int
}

func (i *indexed) Session(ctx context.Context, p int32, s events.SessionID, each func(*eventlog.Record) error) error {
	i.asked++
	return eventlog.EachCounted(ctx, i.log, p, func(rec *eventlog.Record) error {
		if events.SessionID(rec.Key) != s {
			return nil
		}
		return each(rec)
	})
}

// TestHistory: what happened to a message, from whichever source, named by its seq or its id.
func TestHistory(t *testing.T) {
	said := story(t)
	log := logOf(t, said)
	index := &indexed{log: log}
	for name, source := range map[string]audit.Source{
		"log": audit.Log{Log: log}, "archive": audit.Archive{View: archiveOf(t, log)}, "index": audit.Indexed{Log: audit.Log{Log: log}, Index: index},
	} {
		for want, seq := range map[string]events.Seq{"[2 read 5]": 2, "[3 read 4]": 3, "[6]": 6} {
			id := ""
			for _, o := range said {
				if a, ok := o.Result.(events.Accepted); ok && a.Seq == seq {
					id = o.ID.String()
				}
			}
			for _, asked := range []struct {
				seq events.Seq
				id  string
			}{{seq, ""}, {0, id}} {
				all, err := audit.History(t.Context(), source, group, asked.seq, asked.id)
				if got := fmt.Sprint(words(all)); err != nil || got != want {
					t.Errorf("%s: of %+v happened %s, %v, want %s", name, asked, got, err, want)
				}
			}
		}
		for _, none := range []events.Seq{1, 5, 99} {
			if _, err := audit.History(t.Context(), source, group, none, ""); !errors.Is(err, audit.ErrNoMessage) {
				t.Errorf("%s: of seq %d: %v", name, none, err)
			}
		}
	}
	if index.asked == 0 {
		t.Error("the index was not asked")
	}
}

func words(all []events.Outcome) (out []string) {
	for _, o := range all {
		a, _ := o.Result.(events.Accepted)
		if a.Seq == 0 {
			out = append(out, "read")
			continue
		}
		out = append(out, fmt.Sprint(a.Seq))
	}
	return slices.Clip(out)
}
