package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/rearchive"
	"annal/pkg/events"
)

// rebuildArchiveFlags are the command's own.
type rebuildArchiveFlags struct {
	engines engineFlags
	session string
	from    string
	abandon bool
}

func rebuildArchiveCommand() *cobra.Command {
	var fl rebuildArchiveFlags
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Build the archive anew beside itself, and put the new one in its place",
		Long: "Make new tables, have every archiver write to both, fill the new ones in from the log's start, count, and swap.\n" +
			"Archivers and readers go on meanwhile, and what readers see is right at every moment. The archive takes twice the\n" +
			"room until it is over. Killed, it goes on where it was when it is called again, 15 s after that; --abandon gives it up.\n" +
			"Archivers that were killed are waited for, for a good minute.\n\n" +
			"Events are read from Kafka, and below its start from the vault, if there is one. --from kafka leaves the vault out; --from\n" +
			"vault reads all that is sealed from the vault alone, whatever Kafka still has of it, and only what is above from Kafka. It\n" +
			"does not begin where the log does not reach back to its start, something is missing between the vault and Kafka, or nothing\n" +
			"is sealed. What another call has filled in already is not read again, wherever that read it.\n\n" +
			"With --session only that session is archived anew: its rows are removed and then inserted, and in between, for as\n" +
			"long as the insertion takes, readers see nothing or a part of that session. Of one with more than 80,000 outcomes, or\n" +
			"64 MiB, the partition is read again for that, three times. Killed in between, call it again.",
		Example: "  annal rebuild archive\n  annal rebuild archive --session g_…\n  annal rebuild archive --kafka k1:9092 --clickhouse http://ch1:8123",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fl.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl.engines.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&fl.session, "session", "", "archive this session anew, alone")
	f.StringVar(&fl.from, "from", "", "kafka or vault: where the events are to come from (default: wherever they are)")
	f.BoolVar(&fl.abandon, "abandon", false, "give up a rebuild that was begun, and remove what it made")
	return cmd
}

func (fl *rebuildArchiveFlags) run(ctx context.Context, out, log io.Writer) error {
	if fl.abandon && fl.session != "" {
		return errors.New("--abandon is for a rebuild of all sessions")
	}
	if err := fl.engines.resolve(); err != nil {
		return err
	}
	return fl.engines.withArchive(ctx, func(ctx context.Context, o app.Opened) error {
		if o.Archive == nil {
			return errors.New("no archive to be built anew: give --clickhouse")
		}
		step, end := progress(log, "rebuilding", "records")
		defer end()
		said := func(what string) { fmt.Fprintln(log, what) }
		switch {
		case fl.abandon:
			return o.Archive.Abandon(ctx, holder())
		case fl.session != "":
			n, err := rearchive.Session(ctx, rearchive.SessionOptions{Log: o.Log, From: fl.from, Store: o.Archive, Session: events.SessionID(fl.session), Said: said, Progress: step})
			if err == nil {
				fmt.Fprintf(out, "%d outcomes of %s archived anew\n", n, fl.session)
			}
			return err
		}
		refused, err := rearchive.Run(ctx, rearchive.Options{Log: o.Log, From: fl.from, Archive: o.Archive, Holder: holder(), Said: said, Progress: step})
		if err != nil {
			return err
		}
		tellRearchived(out, refused)
		return nil
	})
}

func tellRearchived(out io.Writer, refused uint64) {
	fmt.Fprint(out, "the archive was built anew")
	if refused > 0 {
		fmt.Fprintf(out, "; ClickHouse refuses %d outcomes, as when they were put aside (annal quarantine list)", refused)
	}
	fmt.Fprintln(out)
}

// holder names this process to others.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}
