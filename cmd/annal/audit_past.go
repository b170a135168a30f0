package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/logview"
	"annal/pkg/audit"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// maxTexts bounds how many texts are shown at once.
const maxTexts = 10_000

func auditAtCommand() *cobra.Command {
	var f auditFlags
	var at, as string
	var seq, before uint64
	var limit int
	cmd := &cobra.Command{
		Use:   "at",
		Short: "Show a session as it stood: members, what it said of itself, texts with all versions, markers",
		Long: "Read the session's outcomes up to an instant, from the archive where there is one, else from the log. With --as, show\n" +
			"the texts that this person could see.",
		Example: "  annal audit at --session g_… --time 2026-01-31T12:00:00Z --reason 'case 7'\n  annal audit at --session g_… --seq 120 --as bob --reason 'case 7' --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := parseTime("time", at)
			if err != nil {
				return err
			}
			switch {
			case (t == 0) == (seq == 0):
				return errors.New("give --time or --seq")
			case f.session == "":
				return errors.New("--session is missing")
			case as != "" && !events.ValidName(as):
				return errors.New("--as is no user id")
			case limit < 0 || limit > maxTexts:
				return fmt.Errorf("--limit is 0 to %d", maxTexts)
			}
			if err := f.resolve(); err != nil {
				return err
			}
			n := audit.Note{Session: events.SessionID(f.session), What: "at", Seq: events.Seq(seq), About: aboutAt(at, as)}
			return f.noted(cmd.Context(), n, func(ctx context.Context, o app.Opened, _ audit.Told) error {
				state, err := stateAt(ctx, o, n.Session, audit.Instant{Seq: n.Seq, Time: t}, audit.Page{As: events.UserID(as), Before: events.Seq(before), Limit: limit}, cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(cmd.OutOrStdout(), state)
				}
				printState(cmd.OutOrStdout(), state, as)
				return nil
			})
		},
	}
	f.bindSession(cmd)
	fl := cmd.Flags()
	fl.StringVar(&at, "time", "", "the instant, by log time: 2026-01-31T12:00:00Z")
	fl.Uint64Var(&seq, "seq", 0, "the instant, by the last event that is in")
	fl.StringVar(&as, "as", "", "only the texts that this person could see")
	fl.IntVar(&limit, "limit", 100, "how many texts to show, the newest")
	fl.Uint64Var(&before, "before", 0, "only texts below this seq")
	fl.BoolVar(&f.json, "json", false, "as one JSON object")
	return cmd
}

// stateAt reads parts of the archive where there is one, else the whole session from the log.
func stateAt(ctx context.Context, o app.Opened, s events.SessionID, at audit.Instant, p audit.Page, log io.Writer) (*audit.State, error) {
	source, done, err := sourceOf(ctx, o, "", log)
	if err != nil {
		return nil, err
	}
	defer done()
	if o.Archive != nil {
		return audit.AtPast(ctx, o.Archive, s, at, p)
	}
	state, err := audit.At(ctx, source, s, at)
	if err == nil {
		state.Keep(p)
	}
	return state, err
}

func aboutAt(at, as string) string {
	about := at
	if as != "" {
		about += " as " + as
	}
	return about
}

// privacyText is empty for one that was never set.
func privacyText(p events.Privacy) string {
	if p == (events.Privacy{}) {
		return ""
	}
	return archive.PrivacyText(p)
}

func printState(w io.Writer, s *audit.State, as string) {
	fmt.Fprintf(w, "%s at seq %d, %s: %q, policy %s\n", s.Session, s.Seq, s.Time, s.Title, archive.PolicyText(s.Policy))
	if s.Closed {
		fmt.Fprintln(w, "closed")
	}
	for _, f := range []struct{ name, value string }{{"avatar", s.Avatar}, {"notice", s.Notice}, {"description", s.Description},
		{"profile", archive.ProfileText(s.Profile)}, {"privacy", privacyText(s.Privacy)},
	} {
		if f.value != "" {
			fmt.Fprintf(w, "%s: %q\n", f.name, f.value)
		}
	}
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		m := s.Members[u]
		fmt.Fprintf(w, "member %s: %s, read %d, delivered %d, stays", u, m.Word(), m.Read, m.Delivered)
		for _, stay := range m.Stays {
			fmt.Fprint(w, " ", stretch(stay.From, stay.To))
		}
		fmt.Fprintln(w)
	}
	if as != "" {
		fmt.Fprintf(w, "%s could see:", as)
		for _, v := range s.Seen(events.UserID(as)) {
			fmt.Fprintf(w, " %d–%d", v.First, v.Last)
		}
		fmt.Fprintln(w)
	}
	for _, seq := range slices.Sorted(maps.Keys(s.Texts)) {
		printText(w, seq, s.Texts[seq], slices.Contains(s.Pins, seq))
	}
}

// stretch is from a seq to another; 0 is an end that is yet to come.
func stretch(from, to events.Seq) string {
	if to == 0 {
		return fmt.Sprintf("%d–", from)
	}
	return fmt.Sprintf("%d–%d", from, to)
}

func printText(w io.Writer, seq events.Seq, t *audit.Text, pinned bool) {
	fmt.Fprintf(w, "%6d %s", seq, t.Sender)
	if pinned {
		fmt.Fprint(w, " [pinned]")
	}
	fmt.Fprintln(w)
	for _, v := range t.Versions {
		fmt.Fprintf(w, "       %d %s %s: %s\n", v.Seq, v.Time, v.By, logview.Said(v.Body))
	}
	for _, d := range []struct {
		what string
		deed *audit.Deed
	}{{"revoked", t.Revoked}, {"deleted", t.Deleted}} {
		if d.deed != nil {
			fmt.Fprintf(w, "       %d %s %s by %s %s\n", d.deed.Seq, d.deed.Time, d.what, d.deed.By, d.deed.Reason)
		}
	}
	for _, emoji := range slices.Sorted(maps.Keys(t.Reactions)) {
		fmt.Fprintf(w, "       %s %v\n", emoji, t.Reactions[emoji])
	}
}

// told is an outcome for people, and for programs.
type told struct {
	Time    events.Millis    `json:"time_ms"`
	Session events.SessionID `json:"session"`
	Actor   events.UserID    `json:"actor"`
	Type    string           `json:"type"`
	ID      string           `json:"id"`
	Line    string           `json:"line"`
}

func tellOutcome(w io.Writer, o *events.Outcome, asJSON bool) error {
	if asJSON {
		return printJSON(w, told{o.Time, o.Session, o.Actor.User, o.Type(), o.ID.String(), logview.Line(o)})
	}
	_, err := fmt.Fprintln(w, o.Time, logview.Line(o))
	return err
}

func auditHistoryCommand() *cobra.Command {
	var f auditFlags
	var seq uint64
	var id string
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "Show every version of a message, and who did what with it when",
		Example: "  annal audit history --session g_… --message 17 --reason 'case 7'\n  annal audit history --session g_… --id 0192… --reason 'case 7'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.session == "" || (seq == 0) == (id == "") {
				return errors.New("give --session, and --message or --id")
			}
			if err := f.resolve(); err != nil {
				return err
			}
			n := audit.Note{Session: events.SessionID(f.session), What: "history", Seq: events.Seq(seq), About: id}
			return f.noted(cmd.Context(), n, func(ctx context.Context, o app.Opened, _ audit.Told) error {
				source, done, err := sourceOf(ctx, o, "", cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				all, err := audit.History(ctx, source, n.Session, n.Seq, id)
				done()
				if err != nil {
					return err
				}
				for i := range all {
					if err := tellOutcome(cmd.OutOrStdout(), &all[i], f.json); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.bindSession(cmd)
	cmd.Flags().Uint64Var(&seq, "message", 0, "the message's seq")
	cmd.Flags().StringVar(&id, "id", "", "the message's id")
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON object a line")
	return cmd
}

func auditTrailCommand() *cobra.Command {
	var f auditFlags
	var who, from, to string
	cmd := &cobra.Command{
		Use:     "trail",
		Short:   "Show all that a user did, and what was done to their memberships, over all sessions",
		Long:    "Read the whole log and print lines as they are found, partition by partition, each in the log's order.",
		Example: "  annal audit trail --user bob --from 2026-01-01T00:00:00Z --reason 'case 7' --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			first, err := parseTime("from", from)
			if err != nil {
				return err
			}
			last, err := parseTime("to", to)
			if err != nil {
				return err
			}
			if !events.ValidName(who) {
				return errors.New("--user is no user id")
			}
			if err := f.resolve(); err != nil {
				return err
			}
			n := audit.Note{Session: events.NewSelfID(events.UserID(who)), What: "trail", About: from + " to " + to}
			return f.noted(cmd.Context(), n, func(ctx context.Context, o app.Opened, _ audit.Told) error {
				source, done, err := sourceOf(ctx, o, "kafka", cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				defer done()
				match := logview.Filter{User: events.UserID(who)}
				return source.All(ctx, func(r *audit.Record) error {
					o, err := events.DecodeOutcomeValue(r.Value)
					if err != nil {
						fmt.Fprintf(cmd.ErrOrStderr(), "partition %d offset %d cannot be read: %v\n", r.Partition, r.Offset, err)
						return nil
					}
					if !match.Match(&o) || o.Time < first || last != 0 && o.Time >= last {
						return nil
					}
					return tellOutcome(cmd.OutOrStdout(), &o, f.json)
				})
			})
		},
	}
	f.bind(cmd)
	cmd.Flags().StringVar(&who, "user", "", "whose")
	cmd.Flags().StringVar(&from, "from", "", "from this log time on: 2026-01-31T12:00:00Z")
	cmd.Flags().StringVar(&to, "to", "", "up to before this log time")
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON object a line")
	return cmd
}
