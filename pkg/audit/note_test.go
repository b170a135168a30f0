package audit_test

import (
	"errors"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// TestTell: who notes a read is told where that stands and what its bytes are, or why the rules refuse it.
func TestTell(t *testing.T) {
	log := logOf(t, story(t)) // outcomes of the commands that are still to come: no sequencer is needed
	n := audit.Note{Session: group, Auditor: "aud", What: "export", Reason: "case 7"}
	var refused *events.Error
	if _, err := audit.Tell(t.Context(), log, n); !errors.As(err, &refused) || refused.Code != events.CodeNoSuchSession {
		t.Errorf("a refused note: got %v, want %s", err, events.CodeNoSuchSession)
	}
	got, err := audit.Tell(t.Context(), log, n)
	want := audit.Told{Place: eventlog.Place{Offset: 2}, Hash: recordsOf(t, story(t))[1].Hash()}
	if err != nil || got.Place != want.Place {
		t.Fatalf("got %+v, %v, want it at %+v", got, err, want.Place)
	}
	err = audit.Log{Log: log}.Session(t.Context(), group, func(r *audit.Record) error {
		if r.Offset == got.Offset && r.Hash() != got.Hash {
			t.Errorf("got the hash %x, its bytes have %x", got.Hash, r.Hash())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryExport(t, audit.Log{Log: log}, audit.Range{Session: group, Told: &got}); err != nil {
		t.Errorf("held against it: %v", err)
	}
}
