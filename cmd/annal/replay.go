package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"annal/internal/app"
	"annal/internal/replay"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// replayFlags are of `annal replay`.
type replayFlags struct {
	engines              engineFlags
	session, from, until string
	speed, to            string
	maxGap               time.Duration
	json, appending      bool
}

func replayCommand() *cobra.Command {
	var fl replayFlags
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Tell again what happened, at any speed: on the screen, into a topic, or to watchers",
		Long: "Tell again the outcomes that count, of one session or of all from a time on, in the order of log time and with the waits\n" +
			"there were between them. It ends where the log ends when it begins. It reads the log and nothing else: no view is touched,\n" +
			"nobody is told anything, no group commits.\n\n" +
			"  --to stdout        a line each, or with --json an object each\n" +
			"  --to kafka:TOPIC   appends the records as they are: key, value, headers. The topic is created when it is not there; Annal's\n" +
			"                     own are refused, under any prefix, and so is one that holds records, unless --append is given\n" +
			"  --to ws[:ADDR]     serves a WebSocket on a loopback address (127.0.0.1:0) and prints where; each watcher gets all accepted\n" +
			"                     events from the beginning, as JSON frames of the client protocol, until the command is ended",
		Example: "  annal replay --session g_abc --speed 10 --max-gap 2s\n  annal replay --from 2026-05-01T00:00:00Z --speed max --to kafka:copy\n" +
			"  annal replay --session g_abc --to ws",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := fl.options()
			if err := errors.Join(err, opts.Validate()); err != nil {
				return err
			}
			if err := fl.engines.resolve(); err != nil {
				return err
			}
			return fl.engines.withLog(cmd.Context(), func(ctx context.Context, o app.Opened) error {
				return fl.run(ctx, o.Log, opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	fl.engines.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&fl.session, "session", "", "only this session")
	f.StringVar(&fl.from, "from", "", "from this time on: as 2026-05-01T00:00:00Z, or ms since 1970")
	f.StringVar(&fl.until, "to-time", "", "up to this time")
	f.StringVar(&fl.speed, "speed", "1", "how many times faster than it was, 0.01 to 1000000; max: without waits")
	f.DurationVar(&fl.maxGap, "max-gap", 0, "the longest wait between two; 0: as long as it was")
	f.StringVar(&fl.to, "to", "stdout", "stdout, kafka:TOPIC or ws[:ADDR]")
	f.BoolVar(&fl.json, "json", false, "stdout: an object a line")
	f.BoolVar(&fl.appending, "append", false, "kafka: add to a topic that holds records already")
	return cmd
}

// options are those that say what and how fast.
func (fl *replayFlags) options() (replay.Options, error) {
	o := replay.Options{Session: events.SessionID(fl.session), MaxGap: fl.maxGap}
	if fl.session == "" && fl.from == "" {
		return o, errors.New("give --session, --from, or both")
	}
	if fl.session != "" && !events.ValidName(fl.session) {
		return o, errors.New("--session is no session's id")
	}
	var err, wrong error
	o.From, wrong = parseTime("from", fl.from)
	err = errors.Join(err, wrong)
	o.To, wrong = parseTime("to-time", fl.until)
	err = errors.Join(err, wrong)
	if fl.speed != "max" {
		if o.Speed, wrong = strconv.ParseFloat(fl.speed, 64); wrong != nil || o.Speed == 0 {
			err = errors.Join(err, fmt.Errorf("%w, not %q", replay.ErrSpeed, fl.speed))
		}
	}
	return o, err
}

func (fl *replayFlags) run(ctx context.Context, log eventlog.Log, opts replay.Options, out, notes io.Writer) error {
	kind, where, _ := strings.Cut(fl.to, ":")
	switch kind {
	case "stdout":
		var sink replay.Sink = replay.Lines{W: out}
		if fl.json {
			sink = replay.JSON{W: out}
		}
		if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			notes = io.Discard // it would be in the way
		}
		return tellAgain(ctx, log, opts, sink, notes)
	case "kafka":
		return fl.intoTopic(ctx, log, opts, eventlog.Topic(where), notes)
	case "ws":
		if where == "" {
			where = "127.0.0.1:0"
		}
		return serveReplay(ctx, log, opts, where, out, notes)
	}
	return fmt.Errorf("--to is stdout, kafka:TOPIC or ws[:ADDR], not %q", fl.to)
}

// tellAgain runs a replay, and shows how far it is.
func tellAgain(ctx context.Context, log eventlog.Log, opts replay.Options, sink replay.Sink, notes io.Writer) error {
	r, err := replay.New(log, opts)
	if err != nil {
		return err
	}
	step, end := progress(notes, "replaying", "records")
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, sink) }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p := r.Progress()
			step(p.Read, p.Records)
		case err := <-done:
			end()
			if err == nil {
				fmt.Fprintf(notes, "%d outcomes in %.1f s\n", r.Progress().Told, time.Since(began).Seconds())
			}
			return err
		}
	}
}

// intoTopic feeds a topic. Its name is as it is: no prefix goes before it.
func (fl *replayFlags) intoTopic(ctx context.Context, log eventlog.Log, opts replay.Options, topic eventlog.Topic, notes io.Writer) error {
	if err := replay.CheckName(topic, fl.engines.target.Prefix); err != nil {
		return err
	}
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return err
	}
	other, err := app.OpenTopic(ctx, fl.engines.target, topic, n)
	if err != nil {
		return err
	}
	defer other.Close()
	if !fl.appending {
		if err := replay.CheckEmpty(ctx, other, topic); err != nil {
			return fmt.Errorf("%w (--append adds to them)", err)
		}
	}
	sink, err := replay.NewTopic(ctx, other, topic, n)
	if err != nil {
		return err
	}
	err = tellAgain(ctx, log, opts, sink, notes)
	return errors.Join(err, sink.Flush())
}

// serveReplay serves watchers until ctx ends.
func serveReplay(ctx context.Context, log eventlog.Log, opts replay.Options, addr string, out, notes io.Writer) error {
	s, err := replay.Listen(ctx, log, opts, addr)
	if err != nil {
		return err
	}
	s.Told = func(told int64, err error) {
		if err == nil || ctx.Err() != nil {
			fmt.Fprintf(notes, "a watcher was told %d outcomes\n", told)
			return
		}
		fmt.Fprintf(notes, "a watcher left after %d outcomes: %v\n", told, err)
	}
	fmt.Fprintln(out, s.URL())
	return s.Serve(ctx)
}
