package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/quarantine"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

func quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at records that were put aside, and try them again",
		Long: "annal.quarantine holds for 30 days what a role could not read: commands that nobody can decode, and\n" +
			"records of the events topic that no reader counts or that are of a newer version than the projector.\n" +
			"A record is named by the place it stood at: TOPIC/PARTITION/OFFSET.",
		Example: "  annal quarantine list --reason version\n  annal quarantine show annal.events/3/17\n  annal quarantine retry annal.events/3/17",
	}
	cmd.AddCommand(quarantineListCommand(), quarantineShowCommand(), quarantineRetryCommand())
	return cmd
}

func quarantineListCommand() *cobra.Command {
	var engines engineFlags
	var topic, reason string
	var last int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List what was put aside: when, from where, why, key, detail",
		Example: "  annal quarantine list\n  annal quarantine list --topic annal.events --reason version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 1 || last > maxListed {
				return fmt.Errorf("--last is 1 to %d", maxListed)
			}
			f := quarantine.Filter{Topic: eventlog.Topic(topic), Reason: events.PoisonReason(reason)}
			if err := errors.Join(f.Validate(), engines.resolve()); err != nil {
				return err
			}
			return engines.withLog(cmd.Context(), func(ctx context.Context, t app.Opened) error {
				l, err := quarantine.Read(ctx, t.Log, f, last)
				if err != nil {
					return err
				}
				return printList(cmd.OutOrStdout(), cmd.ErrOrStderr(), l, asJSON)
			})
		},
	}
	engines.bind(cmd)
	fl := cmd.Flags()
	fl.StringVar(&topic, "topic", "", "only what stood in this topic: annal.commands or annal.events")
	fl.StringVar(&reason, "reason", "", "only for this reason: "+strings.Trim(fmt.Sprint(events.PoisonReasons()), "[]"))
	fl.IntVarP(&last, "last", "n", 50, "how many of the newest to show")
	fl.BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

// maxListed bounds a list: its records are held in memory, a MiB each at most.
const maxListed = 1000

func printList(out, log io.Writer, l quarantine.List, asJSON bool) error {
	for _, e := range l.Entries {
		if asJSON {
			if err := quarantine.WriteJSON(out, e, false); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(out, quarantine.Line(e))
	}
	if more := l.Found - len(l.Entries); more > 0 {
		fmt.Fprintf(log, "%d older ones are not shown (--last)\n", more)
	}
	if l.Unreadable > 0 {
		fmt.Fprintf(log, "%d records of the quarantine itself cannot be read by this program\n", l.Unreadable)
	}
	if len(l.Entries) == 0 && !asJSON {
		fmt.Fprintln(out, "nothing was put aside")
	}
	return nil
}

func quarantineShowCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show PLACE",
		Short: "Show a record that was put aside: headers, and the value as far as it can be decoded",
		Long: "Show a record that was put aside. The value is decoded as far as this program knows its type, and\n" +
			"shown in hex otherwise.",
		Example: "  annal quarantine show annal.commands/0/42\n  annal quarantine show annal.events/3/17 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := quarantine.ParsePlace(args[0])
			if err := errors.Join(err, engines.resolve()); err != nil {
				return err
			}
			return engines.withLog(cmd.Context(), func(ctx context.Context, t app.Opened) error {
				l, err := quarantine.Read(ctx, t.Log, quarantine.Filter{Place: p}, 1)
				if err != nil {
					return err
				}
				if len(l.Entries) == 0 {
					return fmt.Errorf("%s: nothing was put aside under %s, or more than 30 days ago", quarantine.NotInQuarantine, p)
				}
				if asJSON {
					return quarantine.WriteJSON(cmd.OutOrStdout(), l.Entries[0], true)
				}
				return quarantine.Show(cmd.OutOrStdout(), l.Entries[0])
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object, the whole value in it")
	return cmd
}

func quarantineRetryCommand() *cobra.Command {
	var engines engineFlags
	var wait time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "retry PLACE...",
		Short: "Fill in events that this program can read and the projector could not",
		Long: "Try again what was put aside. An event that counts and that this program can read is filled in: the view\n" +
			"of its partition is opened anew and the hot projector, which must be running and of this version, builds\n" +
			"it from the log. Until it is built, readers of that partition's sessions are told TRY_AGAIN. Of several\n" +
			"places in a partition one building is enough. The archive, where there is one, gets the event at once. Each place gets a line with a stable word:\n" +
			"  FILLED, REBUILT, ALREADY_THERE  done\n" +
			"  ARCHIVED                        a refusal or an answer, which the archive has now\n" +
			"  STILL_REFUSED                   the archive's store does not take it\n" +
			"  COMMAND_DECIDED                 a command has its outcome, a rejection, for ever: its sender sends it again\n" +
			"  NOT_COUNTED                     no reader of the log counts it, so no view may have it\n" +
			"  STILL_UNREADABLE                this program cannot read it either: retry with the version that wrote it\n" +
			"  NOTHING_TO_FILL                 a refusal or an answer, which no view holds\n" +
			"  NOT_BUILT, STILL_A_HOLE         no projector of this version built the view\n" +
			"  NOT_IN_QUARANTINE               nothing was put aside under this place",
		Example: "  annal quarantine retry annal.events/3/17 annal.events/3/21",
		Args:    cobra.RangeArgs(1, maxListed),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait <= 0 || wait > 24*time.Hour {
				return errors.New("--wait is above 0 and 24h at most")
			}
			places := make([]quarantine.Place, len(args))
			for i, a := range args {
				var err error
				if places[i], err = quarantine.ParsePlace(a); err != nil {
					return err
				}
			}
			if err := engines.resolve(); err != nil {
				return err
			}
			return retryQuarantined(cmd, engines.target, places, wait, asJSON)
		},
	}
	engines.bind(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Minute, "how long a partition's view may take to be built")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line: place, result, text")
	return cmd
}

func retryQuarantined(cmd *cobra.Command, t app.Target, places []quarantine.Place, wait time.Duration, asJSON bool) error {
	opened, err := app.Open(cmd.Context(), t)
	if err != nil {
		return err
	}
	defer opened.Close()
	if opened.Store == nil {
		return errors.New("the view is needed: --redis")
	}
	r := quarantine.Retrier{Log: opened.Log, Store: opened.Store, View: opened.View, Archive: opened.Archive, NewViewID: app.NewViewID, Wait: wait}
	reports, err := r.Retry(cmd.Context(), places)
	if err != nil {
		return err
	}
	left := 0
	for _, rep := range reports {
		if !rep.Done() {
			left++
		}
		if !asJSON {
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", rep.Place, rep.Result, rep.Text)
			continue
		}
		line := map[string]string{"place": rep.Place.String(), "result": string(rep.Result), "text": rep.Text}
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(line); err != nil {
			return err
		}
	}
	if left > 0 {
		return fmt.Errorf("%d of %d records could not be retried", left, len(reports))
	}
	return nil
}
