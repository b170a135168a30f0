package main

import (
	"context"
	crypto "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// verifyFlags are the command's own.
type verifyFlags struct {
	engines engineFlags
	session string
	sample  int
	seed    uint64
	asJSON  bool
}

func verifyCommand() *cobra.Command {
	var fl verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [hot|archive]",
		Short: "Fold the log and hold a view against it",
		Long: "Read all outcomes by the reader's rule; check that seqs and indices are dense, that each session's chain\n" +
			"of hashes holds, and that the view in Redis (hot, the default) or the archive in ClickHouse equals a plain fold\n" +
			"of the log, field by field. What differs is named: session, what, where, what is there and what must be.\n\n" +
			"Traffic may go on: what differs is looked at again at a moment at which nothing of its session came, and the view\n" +
			"had come to where the log was read to. A session that never is at rest has only that told of it which differed\n" +
			"alike whenever it was looked at. Memory holds one partition's sessions at a time.\n\n" +
			"It ends with 0 when nothing differs, 1 when something does, and 2 when it could not look.",
		Example: "  annal verify\n  annal verify archive --session g_… --json\n  annal verify hot --sample 100 --kafka k1:9092 --redis r:6379",
		Args:    cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{app.RoleHot, app.RoleArchive},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := fl.run(cmd.Context(), append(args, app.RoleHot)[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil && !errors.Is(err, fold.ErrProblems) {
				return exit{err, cannotLook}
			}
			return err
		},
	}
	fl.engines.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&fl.session, "session", "", "look at this session only")
	f.IntVar(&fl.sample, "sample", 0, "look at so many sessions only, chosen at random")
	f.Uint64Var(&fl.seed, "seed", 0, "choose the sample as a run did that printed this (0: another one each time)")
	f.BoolVar(&fl.asJSON, "json", false, "print one JSON object: sessions, events, differences (the first 100), found (all of them)")
	return cmd
}

// viewPatience is how long a view may take to have all of the log that was read.
const viewPatience = time.Minute

func (fl *verifyFlags) run(ctx context.Context, view string, out, log io.Writer) error {
	if fl.sample < 0 || fl.sample > 0 && fl.session != "" {
		return errors.New("--sample is 1 at least, and --session looks at one alone")
	}
	if err := fl.engines.resolve(); err != nil {
		return err
	}
	if view == app.RoleArchive {
		return fl.engines.withArchive(ctx, func(ctx context.Context, o app.Opened) error {
			if o.Archive == nil {
				return errors.New("no archive to be verified: give --clickhouse")
			}
			return fl.verify(ctx, fold.Options{Log: o.Log, Archive: o.Archive, Group: archive.Group}, "the archive compared", out, log)
		})
	}
	t := fl.engines.target
	t.ClickHouse = app.ClickHouse{}
	o, err := app.Open(ctx, t)
	if err != nil {
		return err
	}
	defer o.Close()
	about := "the view compared"
	if o.View == nil {
		about = "no view looked at (--redis)"
	}
	return fl.verify(ctx, fold.Options{Log: o.Log, Hot: o.View, Window: o.Window, Group: hot.Group}, about, out, log)
}

func (fl *verifyFlags) verify(ctx context.Context, o fold.Options, about string, out, log io.Writer) error {
	seed := fl.seed
	if seed == 0 {
		var random [8]byte
		_, _ = crypto.Read(random[:]) // never fails
		seed = binary.LittleEndian.Uint64(random[:]) | 1
	}
	o.Session, o.Sample, o.Dice, o.Patience = events.SessionID(fl.session), fl.sample, rand.New(rand.NewPCG(seed, 0)), viewPatience
	if fl.sample > 0 {
		fmt.Fprintf(log, "%d sessions at random (--seed %d)\n", fl.sample, seed)
	}
	step, end := progress(log, "verifying", "records")
	o.Progress = step
	var report fold.Report
	err := fold.Verify(ctx, o, &report)
	end()
	if err != nil {
		return err
	}
	if fl.asJSON {
		err = json.NewEncoder(out).Encode(struct {
			Sessions    int               `json:"sessions"`
			Events      int               `json:"events"`
			Differences []fold.Difference `json:"differences"`
			Found       int               `json:"found"`
			Restless    int               `json:"restless"`
		}{report.Sessions, report.Commands, append([]fold.Difference{}, report.Differences...), report.Found, report.Restless})
	} else {
		tell(out, report, about)
	}
	if err == nil && report.Found > 0 {
		err = fmt.Errorf("%w: %d differences", fold.ErrProblems, report.Found)
	}
	return err
}

// tell says what was found.
func tell(w io.Writer, report fold.Report, about string) {
	fmt.Fprintf(w, "%d records, %d commands with one outcome each, %d without yet, %d records that do not count, %d poison\n",
		report.Records, report.Commands, report.Undecided, report.Skipped, report.Poison)
	for _, k := range slices.Sorted(maps.Keys(report.Outcomes)) {
		fmt.Fprintf(w, "  %8d %s\n", report.Outcomes[k], k)
	}
	fmt.Fprintf(w, "%d sessions; seqs, indices and chains looked at; %s", report.Sessions, about)
	if report.Compared > 0 {
		fmt.Fprintf(w, " for %d memberships", report.Compared)
	}
	fmt.Fprintln(w)
	if report.Restless > 0 {
		fmt.Fprintf(w, "%d sessions moved on whenever they were looked at\n", report.Restless)
	}
	if report.Found == 0 {
		fmt.Fprintln(w, "no problems")
		return
	}
	for _, d := range report.Differences {
		fmt.Fprintln(w, "PROBLEM", d)
	}
}
