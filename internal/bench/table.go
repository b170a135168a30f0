package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report as a table for people.
func (r Report) Print(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "commit %s, %s; %d cores of %s, %d GiB, %s, %s; the generator shares them\n",
		r.Commit, r.Time.Format("2006-01-02 15:04 MST"), m.Cores, m.CPU, m.MemGiB, m.OS, m.Go)
	for _, run := range r.Runs {
		fmt.Fprintf(w, "\nengines: %s\n", run.Engines)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "per second\tp50 ms\tp99 ms\tmax ms\t \t")
		for _, l := range run.Results {
			fmt.Fprintf(t, "%.0f\t%.2f\t%.2f\t%.2f\t\t%s\n", l.PerSecond, l.P50MS, l.P99MS, l.MaxMS, l.Name)
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}

// Print writes the report as a table for people.
func (r IdleReport) Print(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "commit %s, %s; %d cores of %s, %d GiB, %s, %s; the clients share them\n%d connections, %d sessions each\n",
		r.Commit, r.Time.Format("2006-01-02 15:04 MST"), m.Cores, m.CPU, m.MemGiB, m.OS, m.Go, r.Connections, r.Sessions)
	for _, run := range r.Runs {
		fmt.Fprintf(w, "\n%s, heartbeat %g s: %.1f KiB live, %.1f KiB resident per connection; all came in %.1f s\n",
			run.Protocol, run.HeartbeatSeconds, run.LiveKiB, run.ResidentKiB, run.ConnectSeconds)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "gateway, MiB\tresident\theap\tstacks\tlive\t")
		for _, f := range []struct {
			when string
			Footprint
		}{{"before", run.Before}, {"all connected", run.Connected}, {"after the beats", run.After}} {
			fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t\n", f.when, f.Resident, f.Heap, f.Stacks, f.Live)
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		for _, b := range run.Beats {
			fmt.Fprintf(w, "  %s: %d beats in %.0f s, %.3f CPU seconds a second\n", b.Kind, b.Beats, b.Seconds, b.CPU)
		}
	}
	return nil
}
