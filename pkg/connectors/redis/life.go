package redis

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

var runID = regexp.MustCompile(`run_id:([0-9a-f]{16})`)

// Run implements hot.Store: the first 16 digits of the server's run id.
func (r *Redis) Run(ctx context.Context) (string, error) {
	if r.opts.Embedded {
		return embeddedLife, nil
	}
	info, err := r.client.Info(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("redis: run id: %w", err)
	}
	found := runID.FindStringSubmatch(info)
	if found == nil {
		return "", fmt.Errorf("redis: INFO tells no run id")
	}
	return found[1], nil
}

// names says whether the life is one of a run.
func names(run, life string) bool {
	for one := range strings.SplitSeq(run, ",") {
		if one == life && life != "" {
			return true
		}
	}
	return false
}
