package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"annal/internal/importer"
	"annal/pkg/client"
)

// importFlags are the command's own.
type importFlags struct {
	gateway  gatewayFlags
	owner    string
	split    string
	inFlight int
	conns    int
	json     bool
}

func importCommand() *cobra.Command {
	var fl importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring in recorded chat",
		Long: "Bring in a file of recorded chat, plain or gzipped: one JSON object a line,\n" +
			`{"time": RFC 3339, "channel", "kind": "message"|"action"|"join"|"leave", "user", "text"?}.` + "\n\n" +
			"Each channel becomes a channel session, or with --split day one for each of its days (UTC).\n" +
			"A line is known by its number and what it says: importing the same file again changes nothing, another\n" +
			"file's lines are new. It takes a service token.",
		Example: "  annal import examples/ubuntu-irc-sample.jsonl.gz\n  annal import --split day examples/ubuntu-irc-sample.jsonl.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return fl.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	fl.gateway.bind(f)
	f.StringVar(&fl.owner, "owner", "importer", "the user who creates the channels")
	f.StringVar(&fl.split, "split", string(importer.SplitNone), "none: a session per channel; day: a session per channel and day")
	f.IntVar(&fl.inFlight, "inflight", 1024, "lines without an answer at once, per connection")
	f.IntVar(&fl.conns, "connections", 1, "connections; a session keeps to one of them")
	f.BoolVar(&fl.json, "json", false, "print the summary as JSON")
	return cmd
}

func (fl *importFlags) run(ctx context.Context, path string, out, log io.Writer) error {
	if fl.inFlight < 1 || fl.conns < 1 || fl.conns > 64 {
		return fmt.Errorf("--inflight is 1 at least, --connections 1 to 64")
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // opened for reading: closing can lose nothing
	info, err := file.Stat()
	if err != nil {
		return err
	}
	bar := newBar(info.Size(), log)
	lines, err := unzipped(io.TeeReader(file, bar))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	conns, err := fl.connect(ctx)
	if err != nil {
		return err
	}
	for _, c := range conns {
		defer c.Close()
	}
	ports := make([]importer.Conn, len(conns))
	for i, c := range conns {
		ports[i] = c
	}
	sum, err := importer.Run(ctx, ports, lines, importer.Options{Split: importer.Split(fl.split), Owner: fl.owner, Log: log})
	if bar, ok := bar.(*progressbar.ProgressBar); ok {
		_ = bar.Finish() // it is about to be overwritten by the summary
		fmt.Fprintln(log)
	}
	if fl.json {
		if err := json.NewEncoder(out).Encode(sum); err != nil {
			return err
		}
	} else {
		sum.Print(out)
	}
	if err != nil {
		return fmt.Errorf("%d lines have no outcome; run it again to go on: %w", sum.Unaccounted(), err)
	}
	return nil
}

// connect opens the connections, for the owner.
func (fl *importFlags) connect(ctx context.Context) ([]*client.Client, error) {
	opts, err := fl.gateway.options(fl.owner)
	if err != nil {
		return nil, err
	}
	opts.Device, opts.InFlight = "import", fl.inFlight
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var conns []*client.Client
	for range fl.conns {
		c, err := client.Dial(ctx, opts)
		if err != nil {
			for _, c := range conns {
				c.Close()
			}
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// newBar shows how much of the file was read, when somebody looks.
func newBar(size int64, w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return io.Discard
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("importing"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
}

// unzipped reads a file that may be gzipped: gzip begins with 1f 8b (RFC 1952).
func unzipped(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	// A file of less than two bytes is not gzipped.
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil
	}
	return gzip.NewReader(b)
}
