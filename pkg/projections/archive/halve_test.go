package archive_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// TestHalve: whatever some are refused, the others are inserted in order and once, and each refused one is put aside.
func TestHalve(t *testing.T) {
	away := errors.New("away")
	for refused := range 1 << 5 {
		outcomes := make([]follow.Outcome, 5)
		for i := range outcomes {
			outcomes[i].Offset = int64(i)
		}
		var inserted, put, want, bad []int64
		for i := range int64(5) {
			if refused>>i&1 == 1 {
				bad = append(bad, i)
			} else {
				want = append(want, i)
			}
		}
		err := archive.Halve(3, outcomes, func(some []follow.Outcome, rows *archive.Rows) error {
			if len(some) != len(rows.Events) {
				t.Fatalf("%d outcomes with rows of %d", len(some), len(rows.Events))
			}
			for i := range some {
				if refused>>some[i].Offset&1 == 1 {
					return fmt.Errorf("no: %w", archive.ErrRefused)
				}
			}
			for i := range some {
				inserted = append(inserted, some[i].Offset)
			}
			return nil
		}, func(o *follow.Outcome, err error) error {
			if !errors.Is(err, archive.ErrRefused) {
				t.Errorf("put for %v", err)
			}
			put = append(put, o.Offset)
			return nil
		})
		if err != nil || !slices.Equal(inserted, want) || !slices.Equal(put, bad) {
			t.Errorf("%05b refused: inserted %v and put %v, %v", refused, inserted, put, err)
		}
	}
	outcomes := make([]follow.Outcome, 2)
	if err := archive.Halve(0, outcomes, func([]follow.Outcome, *archive.Rows) error { return away }, nil); !errors.Is(err, away) {
		t.Errorf("what is no refusal ends it: %v", err)
	}
	if err := archive.Halve(0, outcomes, func([]follow.Outcome, *archive.Rows) error { return archive.ErrRefused },
		func(*follow.Outcome, error) error { return away }); !errors.Is(err, away) {
		t.Errorf("so does what can't be put aside: %v", err)
	}
	if err := archive.Halve(0, nil, nil, nil); err != nil {
		t.Error(err)
	}
}
