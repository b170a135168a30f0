package redis

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"annal/pkg/projections/hot"
)

var runID = regexp.MustCompile(`run_id:([0-9a-f]{16})`)

// lifeLen is how much of a run id is kept, maxMasters how many of them hot.MaxRun holds.
const (
	lifeLen    = 16
	maxMasters = hot.MaxRun / (lifeLen + 1)
)

// Run implements hot.Store: the first 16 digits of each master's run id, in ascending
// order with commas between.
func (r *Redis) Run(ctx context.Context) (string, error) { return r.runOf(ctx, r.client) }

func (r *Redis) runOf(ctx context.Context, client redis.UniversalClient) (string, error) {
	if r.opts.Embedded {
		return embeddedLife, nil
	}
	var mu sync.Mutex
	var lives []string
	err := eachMasterOf(ctx, client, func(ctx context.Context, master *redis.Client) error {
		info, err := master.Info(ctx, "server").Result()
		if err != nil {
			return err
		}
		found := runID.FindStringSubmatch(info)
		if found == nil {
			return errors.New("INFO tells none")
		}
		mu.Lock()
		defer mu.Unlock()
		lives = append(lives, found[1])
		return nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("redis: run id: %w", err)
	case len(lives) > maxMasters:
		return "", fmt.Errorf("redis: the cluster has %d masters, at most %d are supported", len(lives), maxMasters)
	}
	slices.Sort(lives)
	return strings.Join(lives, ","), nil
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
