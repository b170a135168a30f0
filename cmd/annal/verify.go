package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/fold"
)

func verifyCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Fold the log and hold the view against it",
		Long: "Read all outcomes by the reader's rule; check that seqs and indices are dense, that each session's chain\n" +
			"of hashes holds, and that the view in Redis equals a plain fold of the log. The log must be at rest.",
		Example: "  annal verify\n  annal verify --kafka k1:9092 --redis r:6379",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := engines.resolve(); err != nil {
				return err
			}
			opened, err := app.Open(cmd.Context(), engines.target)
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
	fmt.Fprintf(w, "%d records, %d commands with one outcome each, %d without yet, %d records that do not count, %d poison\n",
		report.Records, report.Commands, report.Undecided, report.Skipped, report.Poison)
	for _, k := range slices.Sorted(maps.Keys(report.Outcomes)) {
		fmt.Fprintf(w, "  %8d %s\n", report.Outcomes[k], k)
	}
	fmt.Fprintf(w, "%d sessions; seqs and indices dense, chains whole", report.Sessions)
	if o.View == nil {
		fmt.Fprintln(w, "; no view looked at (--redis)")
	} else {
		fmt.Fprintf(w, "; the view compared for %d memberships\n", report.Compared)
	}
	if report.Found == 0 {
		fmt.Fprintln(w, "no problems")
		return nil
	}
	for _, p := range report.Problems {
		fmt.Fprintln(w, "PROBLEM", p)
	}
	return fmt.Errorf("%w: %d problems", fold.ErrProblems, report.Found)
}
