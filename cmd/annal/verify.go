package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/fold"
	"annal/internal/freshness"
)

func verifyCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:   "verify [hot|archive]",
		Short: "Fold the log and hold a view against it",
		Long: "Read all outcomes by the reader's rule; check that seqs and indices are dense, that each session's chain\n" +
			"of hashes holds, and that the view in Redis (hot, the default) or the archive in ClickHouse equals a plain fold\n" +
			"of the log. The log must be at rest, and the archive have all of it (annal archive status).",
		Example:   "  annal verify\n  annal verify archive\n  annal verify --kafka k1:9092 --redis r:6379",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{app.RoleHot, app.RoleArchive},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := engines.resolve(); err != nil {
				return err
			}
			if len(args) == 1 && args[0] == app.RoleArchive {
				return engines.withArchive(cmd.Context(), func(ctx context.Context, o app.Opened) error { return verifyArchive(ctx, o, cmd.OutOrStdout()) })
			}
			t := engines.target
			t.ClickHouse = app.ClickHouse{}
			opened, err := app.Open(cmd.Context(), t)
			if err != nil {
				return err
			}
			defer opened.Close()
			return verify(cmd.Context(), opened, cmd.OutOrStdout())
		},
	}
	engines.bind(cmd)
	return cmd
}

func verify(ctx context.Context, o app.Opened, w io.Writer) error {
	var report fold.Report
	sessions, err := fold.Log(ctx, o.Log, &report)
	if err != nil {
		return err
	}
	if o.View != nil {
		if err := fold.Compare(ctx, o.View, o.Window, sessions, &report); err != nil {
			return err
		}
	}
	about := "; no view looked at (--redis)"
	if o.View != nil {
		about = fmt.Sprintf("; the view compared for %d memberships", report.Compared)
	}
	return tell(w, report, about)
}

// verifyArchive waits until the archive has the log as it stands.
func verifyArchive(ctx context.Context, o app.Opened, w io.Writer) error {
	if o.Archive == nil {
		return errors.New("no archive to be verified: give --clickhouse")
	}
	waiting, cancel := context.WithTimeout(ctx, archivePatience)
	defer cancel()
	if err := freshness.Await(waiting, o.Log); err != nil {
		return err
	}
	var report fold.Report
	sessions, err := fold.Log(ctx, o.Log, &report)
	if err != nil {
		return err
	}
	if err := fold.CompareArchive(ctx, o.Archive, sessions, &report); err != nil {
		return err
	}
	return tell(w, report, "; the archive compared")
}

// archivePatience is how long the archive may take to have all of a log at rest.
const archivePatience = time.Minute

// tell says what was found.
func tell(w io.Writer, report fold.Report, about string) error {
	fmt.Fprintf(w, "%d records, %d commands with one outcome each, %d without yet, %d records that do not count, %d poison\n",
		report.Records, report.Commands, report.Undecided, report.Skipped, report.Poison)
	for _, k := range slices.Sorted(maps.Keys(report.Outcomes)) {
		fmt.Fprintf(w, "  %8d %s\n", report.Outcomes[k], k)
	}
	fmt.Fprintf(w, "%d sessions; seqs and indices dense, chains whole%s\n", report.Sessions, about)
	if report.Found == 0 {
		fmt.Fprintln(w, "no problems")
		return nil
	}
	for _, p := range report.Problems {
		fmt.Fprintln(w, "PROBLEM", p)
	}
	return fmt.Errorf("%w: %d problems", fold.ErrProblems, report.Found)
}
