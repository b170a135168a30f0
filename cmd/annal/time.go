package main

import (
	"fmt"
	"strconv"
	"time"

	"annal/pkg/events"
)

// parseTime reads a flag's time, as 2026-05-01T00:00:00Z or in ms since 1970; empty is 0.
func parseTime(flag, text string) (events.Millis, error) {
	if text == "" {
		return 0, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 {
		return events.Millis(ms), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UnixMilli() <= 0 {
		return 0, fmt.Errorf("--%s: %q is no time as 2026-05-01T00:00:00Z, and no ms since 1970", flag, text)
	}
	return events.Millis(t.UnixMilli()), nil
}
