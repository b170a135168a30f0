package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/rebuild"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

func rebuildHotCommand() *cobra.Command {
	var engines engineFlags
	var h rebuild.Hot
	var session string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "hot",
		Short: "Build the hot view anew beside itself, or one session of it",
		Long: "Ask that the hot view be built anew. The processes with role hot do it, partition by partition, and this shows how far they\n" +
			"are; it may be killed and called again, and goes on watching. Readers and acks go on from the old view; nothing is told\n" +
			"again. Redis needs room for both until the old one is removed. All processes must be of this version.\n\n" +
			"Each partition ends with a word:\n" +
			"  swapped         the new one took the place of the old one\n" +
			"  built_in_place  the view was lost, or being built, so it was built in place: readers were told TRY_AGAIN meanwhile\n" +
			"  no_session      the log has no such session\n" +
			"  broken          the log's own events of the session don't follow on each other; what was there stays\n" +
			"  trimmed         the log no longer reaches back to its start, and the process has no vault\n\n" +
			"These processes read from Kafka whatever Kafka has, and below its start from the vault where they have one; nobody can tell\n" +
			"them otherwise. --from kafka refuses to begin when Kafka alone does not reach back, so that nothing comes from the vault.",
		Example: "  annal rebuild hot\n  annal rebuild hot --session g_abc --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if h.Idle < time.Second || h.Idle > 24*time.Hour {
				return errors.New("--idle is 1s to 24h")
			}
			if session != "" && !events.ValidName(session) {
				return errors.New("--session is no session's id")
			}
			if err := engines.resolve(); err != nil {
				return err
			}
			h.Session, h.Request = events.SessionID(session), "rebuild-"+rand.Text()
			return rebuildHot(cmd.Context(), engines.target, h, cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON)
		},
	}
	engines.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&session, "session", "", "only this session")
	f.StringVar(&h.From, "from", "", "kafka: begin only if Kafka alone has the whole log (default: the vault may have a part)")
	f.DurationVar(&h.Idle, "idle", 2*time.Minute, "give up watching when nothing moves for so long")
	f.BoolVar(&asJSON, "json", false, "one JSON object at the end: seconds, records, and what came of each partition")
	return cmd
}

func rebuildHot(ctx context.Context, t app.Target, h rebuild.Hot, out, log io.Writer, asJSON bool) error {
	t.ClickHouse = app.ClickHouse{}
	opened, err := app.Open(ctx, t)
	if err != nil {
		return err
	}
	defer opened.Close()
	if opened.Store == nil {
		return errors.New("the view is needed: --redis")
	}
	h.Log, h.Store = opened.Log, opened.Store
	began, last := time.Now(), rebuild.State{}
	step, end := progress(log, "rebuilding", "records")
	said := false
	h.Show = func(s rebuild.State) {
		last = s
		if s.Waiting > 0 && !said {
			said = true
			fmt.Fprintln(log, "asked; waiting for the processes with role hot")
		}
		if s.Goal > 0 {
			step(min(s.Done, s.Goal), s.Goal)
		}
	}
	results, err := h.Run(ctx)
	end()
	if results == nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	if asJSON {
		return errors.Join(json.NewEncoder(out).Encode(map[string]any{"seconds": seconds, "records": last.Goal, "partitions": results}), err)
	}
	tellRebuilt(out, results, last.Goal, seconds)
	return err
}

// tellRebuilt says what came of it.
func tellRebuilt(out io.Writer, results []rebuild.Result, records int64, seconds float64) {
	for _, r := range results {
		joined := ""
		if r.Joined {
			joined = " (asked for by somebody else before)"
		}
		if r.Said != hot.SaidSwapped || len(results) == 1 || joined != "" {
			fmt.Fprintf(out, "partition %d: %s%s\n", r.Partition, r.Said, joined)
		}
	}
	fmt.Fprintf(out, "%d partitions, %d records, %.1f s, %.0f records/s\n", len(results), records, seconds, float64(records)/max(seconds, 0.001))
}
