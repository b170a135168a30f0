package archive

import (
	"errors"

	"annal/pkg/projections/follow"
)

// Halve has outcomes of a partition inserted, and by halves what is refused as a whole, until it is single ones that the store does
// not take: put hears of those. It ends with insert's first error that is not [ErrRefused], and put's.
func Halve(partition int32, outcomes []follow.Outcome, insert func([]follow.Outcome, *Rows) error, put func(*follow.Outcome, error) error) error {
	if len(outcomes) == 0 {
		return nil
	}
	rows := Plan(partition, outcomes)
	err := insert(outcomes, &rows)
	switch {
	case !errors.Is(err, ErrRefused):
		return err
	case len(outcomes) == 1:
		return put(&outcomes[0], err)
	}
	half := len(outcomes) / 2
	if err := Halve(partition, outcomes[:half], insert, put); err != nil {
		return err
	}
	return Halve(partition, outcomes[half:], insert, put)
}
