package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// padded is an index so that texts sort as numbers do.
func padded(i events.Index) string { return fmt.Sprintf("%020d", i) }

// Hidden implements hot.View.
func (v Reader) Hidden(ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int) ([]events.Index, error) {
	got, err := v.r.ask(ctx, events.NewSelfID(u), v.r.scripts.hidden, []string{"head", "facts", "traits", "mentions"},
		hot.HiddenBy(s), padded(first), padded(last), limit)
	switch {
	case errors.Is(err, hot.ErrNoSession):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var indexes []events.Index
	for _, entry := range texts(got[0]) {
		n, err := strconv.ParseUint(entry[max(0, len(entry)-20):], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("redis: %q is no hidden message: %w", entry, err)
		}
		indexes = append(indexes, events.Index(n))
	}
	return indexes, nil
}
