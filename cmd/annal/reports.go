package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/reports"
	"annal/pkg/events"
)

func reportsCommand() *cobra.Command {
	var engines engineFlags
	var session, author string
	var open, asJSON bool
	var last int
	cmd := &cobra.Command{
		Use:   "reports",
		Short: "List the messages that people reported, and what became of them",
		Long: "Read the log for reports (the operation report): each message with what it says now, who sent it,\n" +
			"who reported it and why, and whether it was revoked or deleted since. The ones reported last are shown,\n" +
			"the newest at the end. The session's admins remove one (delete, with a reason), or a service token for one\n" +
			"of them (as_user).",
		Example: "  annal reports --open\n  annal reports --author mallory --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 1 || last > reports.MaxListed {
				return fmt.Errorf("--last is 1 to %d", reports.MaxListed)
			}
			f := reports.Filter{Session: events.SessionID(session), Author: events.UserID(author), Open: open}
			if session != "" && !events.ValidName(session) || author != "" && !events.ValidName(author) {
				return errors.New("--session or --author is no id")
			}
			if err := engines.resolve(); err != nil {
				return err
			}
			return engines.withLog(cmd.Context(), func(ctx context.Context, t app.Opened) error {
				l, err := reports.Read(ctx, t.Log, f, last)
				if err != nil {
					return err
				}
				return printReports(cmd.OutOrStdout(), cmd.ErrOrStderr(), l, asJSON)
			})
		},
	}
	engines.bind(cmd)
	fl := cmd.Flags()
	fl.StringVar(&session, "session", "", "only this session's")
	fl.StringVar(&author, "author", "", "only messages of this user")
	fl.BoolVar(&open, "open", false, "only what was neither revoked nor deleted since")
	fl.IntVarP(&last, "last", "n", 50, "how many messages to show")
	fl.BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

func printReports(out, log io.Writer, l reports.List, asJSON bool) error {
	write := reports.Write
	if asJSON {
		write = reports.WriteJSON
	}
	for i := range l.Messages {
		if err := write(out, &l.Messages[i]); err != nil {
			return err
		}
	}
	if more := l.Found - len(l.Messages) + l.Untracked; more > 0 {
		fmt.Fprintf(log, "%d reported before these are not shown (--last)\n", more)
	}
	if l.Unreadable > 0 {
		fmt.Fprintf(log, "%d events cannot be read by this program\n", l.Unreadable)
	}
	if len(l.Messages) == 0 && !asJSON {
		fmt.Fprintln(out, "nothing was reported")
	}
	return nil
}
