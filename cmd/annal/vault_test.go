package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// halfDamaged is a log whose partition 1 can't be trimmed. It is stopped, if stop is set, in partition 2.
type halfDamaged struct {
	trimmed []int32
	stop    func()
}

func (h *halfDamaged) Trim(ctx context.Context, partition int32, _ events.Millis) (vault.Trimmed, error) {
	switch {
	case partition == 1:
		return vault.Trimmed{}, vault.ErrDamaged
	case partition == 2 && h.stop != nil:
		h.stop()
		return vault.Trimmed{}, ctx.Err()
	}
	h.trimmed = append(h.trimmed, partition)
	return vault.Trimmed{Partition: partition, Start: 5, NewStart: 25, Sealed: 30}, nil
}

// TestTrimAll: of each partition it is told what became of it, a damaged one stands in no other's way, and the command fails.
func TestTrimAll(t *testing.T) {
	damaged := vault.ErrDamaged.Error()
	var text strings.Builder
	log := &halfDamaged{}
	err := trimAll(t.Context(), log, 3, 0, &text, false)
	if err == nil || err.Error() != "1 of 3 partitions could not be trimmed" || len(log.trimmed) != 2 {
		t.Errorf("it ends with %v, and %v were trimmed", err, log.trimmed)
	}
	told := "partition 0: 20 records deleted, the log begins at 25, the vault has all below 30\n"
	if want := told + "partition 1: not trimmed: " + damaged + "\n" + strings.Replace(told, "0", "2", 1); text.String() != want {
		t.Errorf("it tells\n%swant\n%s", text.String(), want)
	}

	text.Reset()
	err = trimAll(t.Context(), &halfDamaged{}, 3, 0, &text, true)
	var all []map[string]any
	if wrong := json.Unmarshal([]byte(text.String()), &all); err == nil || wrong != nil || len(all) != 3 {
		t.Fatalf("it ends with %v, and tells %s (%v)", err, text.String(), wrong)
	}
	for p, of := range all {
		text, failed := of["error"].(string)
		if of["partition"] != float64(p) || failed != (p == 1) || failed && text != damaged || !failed && of["new_start"] != float64(25) {
			t.Errorf("of partition %d it tells %v", p, of)
		}
	}
}

// TestTrimStopped: what was deleted before is told.
func TestTrimStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var text strings.Builder
	err := trimAll(ctx, &halfDamaged{stop: stop}, 4, 0, &text, true)
	if !errors.Is(err, context.Canceled) || !strings.Contains(text.String(), `"new_start":25`) || strings.Contains(text.String(), `"partition":3`) {
		t.Errorf("it ends with %v, and tells %s", err, text.String())
	}
}
