package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// The most that push log shows.
const (
	maxPushLog   = 10_000
	maxPushSince = 30 * 24 * time.Hour
)

func pushLogCommand() *cobra.Command {
	var engines engineFlags
	var user string
	var since time.Duration
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show what was decided for a user: for each message, on which device, whether it was brought, and why",
		Long: "Show the newest decisions, the oldest of them first. A line without a device is of the user: none of their devices was told.\n" +
			"SERVICE is the service and the app there; CALLS how often the service was called, and how many of those calls came after one of which nobody knows what came of it,\n" +
			"so that the phone may have been told before. What is shown is kept for as long as the role was told (--push-log).",
		Example: "  annal push log --user bob\n  annal push log --user bob --since 24h --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case since <= 0 || since > maxPushSince:
				return fmt.Errorf("--since is more than 0, and %s at most", maxPushSince)
			case limit < 1 || limit > maxPushLog:
				return fmt.Errorf("--limit is 1 to %d", maxPushLog)
			}
			return pushTarget(cmd, &engines, user, max(since, push.LeastKeep), func(ctx context.Context, o app.OpenedPush) error {
				log, err := o.Store.Log(ctx, events.UserID(user), events.Millis(time.Now().Add(-since).UnixMilli()), limit)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(pushLines(log))
				}
				if len(log) == 0 {
					return noPushLog(ctx, cmd.OutOrStdout(), o, user, since)
				}
				return writePushLog(cmd.OutOrStdout(), log)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whom it is about")
	cmd.Flags().DurationVar(&since, "since", 6*time.Hour, "what happened so long ago at most")
	cmd.Flags().IntVarP(&limit, "limit", "n", 100, "how many, the newest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}

// noPushLog says what may be the reason for nothing.
func noPushLog(ctx context.Context, w io.Writer, o app.OpenedPush, user string, since time.Duration) error {
	reach, err := o.View.Reach(ctx, events.NewSelfID(events.UserID(user)), []events.UserID{events.UserID(user)})
	if err != nil {
		return err
	}
	why := "nothing happened that they could have been told of, or role push does not run"
	if len(reach[events.UserID(user)].Devices) == 0 {
		why = "they have no device registered"
	}
	fmt.Fprintf(w, "Nothing was decided for %s in the last %s: %s.\n", user, since, why)
	return nil
}

type pushLine struct {
	ID        string           `json:"id"`
	AtMs      events.Millis    `json:"at_ms"`
	Session   events.SessionID `json:"session"`
	Seq       events.Seq       `json:"seq,string,omitempty"`
	Kind      push.Kind        `json:"kind"`
	Device    string           `json:"device,omitempty"`
	Service   string           `json:"service,omitempty"`
	Package   string           `json:"package,omitempty"`
	Reason    push.Reason      `json:"reason"`
	Code      string           `json:"code,omitempty"`
	VendorID  string           `json:"vendor_id,omitempty"`
	Attempts  int              `json:"attempts,omitempty"`
	Repeats   int              `json:"repeats,omitempty"`
	DecidedMs events.Millis    `json:"decided_ms"`
	SettledMs events.Millis    `json:"settled_ms,omitempty"`
}

func pushLines(log []push.Entry) []pushLine {
	lines := make([]pushLine, len(log))
	for i, e := range log {
		lines[i] = pushLine{e.ID, e.At, e.Session, e.Seq, e.Kind, e.Device, e.Service, e.Package, e.Reason, e.Code, e.VendorID, e.Attempts, e.Repeats, e.Decided, e.Settled}
	}
	return lines
}

func writePushLog(out io.Writer, log []push.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tSESSION\tSEQ\tKIND\tDEVICE\tSERVICE\tREASON\tAFTER\tCALLS\tCODE")
	for _, e := range log {
		after, calls, seq := "-", "-", "-"
		if e.Settled > 0 {
			after = (time.Duration(e.Settled-e.At) * time.Millisecond).String()
		}
		if e.Attempts > 0 {
			calls = fmt.Sprint(e.Attempts)
		}
		if e.Repeats > 0 {
			calls += fmt.Sprintf(", %d again", e.Repeats)
		}
		if e.Seq > 0 {
			seq = fmt.Sprint(e.Seq)
		}
		at := time.UnixMilli(int64(e.At)).UTC().Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at, e.Session, seq, e.Kind, plain(e.Device), plain(strings.TrimSpace(e.Service+" "+e.Package)), e.Reason, after, calls, plain(e.Code))
	}
	return w.Flush()
}
