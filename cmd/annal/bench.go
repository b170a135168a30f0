package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/bench"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure Annal on this machine"}
	cmd.AddCommand(benchCoreCommand(), benchScaleCommand(), benchIdleCommand(), benchLoginCommand(), benchPushCommand())
	return cmd
}

func benchCoreCommand() *cobra.Command {
	var engines []string
	var seconds int
	var warmUp time.Duration
	var out string
	cmd := &cobra.Command{
		Use:   "core",
		Short: "Measure sends, from a client's socket to the ack",
		Long: "Start `annal dev` in a process of its own for each kind of engines, and measure acked sends of\n" +
			"WebSocket clients in this process: closed loops with 1, 64 and 1024 in flight, open loops at\n" +
			"1,000 and 5,000 a second, one big channel. Two plain hops through the same Kafka follow, the\n" +
			"least that any system of this shape pays. Each kind first works for --warm-up: Kafka compiles itself\n" +
			"as it goes. It takes about 12 × (seconds + 2) more for each kind.",
		Example: "  annal bench core --engines real --seconds 10 --out core.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seconds < 1 || seconds > 600 {
				return fmt.Errorf("--seconds is 1 to 600")
			}
			if warmUp < 0 || warmUp > 10*time.Minute {
				return fmt.Errorf("--warm-up is 0s to 10m")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			report, err := bench.Core(cmd.Context(), bench.Options{
				Executable: executable, Engines: engines, Span: time.Duration(seconds) * time.Second, WarmUp: warmUp, Commit: version,
				Progress: func(engines string, r bench.Result) {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s: %.0f/s\n", engines, r.Name, r.PerSecond)
				},
			})
			if err != nil {
				return err
			}
			if err := report.Print(cmd.OutOrStdout()); err != nil {
				return err
			}
			if out == "" {
				return nil
			}
			return report.Write(out)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&engines, "engines", []string{app.EnginesEmbedded, app.EnginesReal}, "kinds of engines, one after the other")
	f.IntVar(&seconds, "seconds", 5, "how long each measurement takes")
	f.DurationVar(&warmUp, "warm-up", 30*time.Second, "how long everything works before the first measurement")
	f.StringVar(&out, "out", "", "write the report to this file (JSON)")
	return cmd
}

func benchScaleCommand() *cobra.Command {
	var sessions int
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure a sequencer with very many sessions",
		Long: "Start a real Kafka and `annal serve --roles sequencer`, open --sessions groups of three and a\n" +
			"channel of 100,000, and tell the rates with few and with all of them, the sequencer's memory, and how long\n" +
			"it takes to decide again after a restart, and on a machine without local rows. A million takes four minutes.",
		Example: "  annal bench scale --sessions 1000000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sessions < 2000 || sessions > 10_000_000 {
				return fmt.Errorf("--sessions is 2000 to 10000000")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			return bench.Scale(cmd.Context(), bench.ScaleOptions{
				Executable: executable, Sessions: sessions,
				Progress: func(r bench.ScaleResult) {
					fmt.Fprintf(cmd.OutOrStdout(), "%10.1f %-14s %s\n", r.Value, r.Unit, r.Name)
				},
			})
		},
	}
	cmd.Flags().IntVar(&sessions, "sessions", 1_000_000, "how many sessions to open")
	return cmd
}

func benchIdleCommand() *cobra.Command {
	var connections, intervals int
	var out string
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Measure what idle connections cost a gateway",
		Long: "Start a real Kafka and Redis, a process that decides and projects, and a gateway in one of its own. Open\n" +
			"--connections WebSockets from this process, each of a person who is subscribed to two sessions, and tell the\n" +
			"gateway's memory for each, and its CPU time while the gateway asks for heartbeats and while clients say them:\n" +
			"in JSON and in protobuf, and with a heartbeat of 5 s. It takes some minutes, and as many open files in each\n" +
			"of two processes as there are connections (ulimit -n).",
		Example: "  annal bench idle --connections 10000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if connections < 100 || connections > 1_000_000 || connections%20 != 0 {
				return fmt.Errorf("--connections is 100 to 1000000, a multiple of 20")
			}
			if intervals < 2 || intervals > 100 {
				return fmt.Errorf("--intervals is 2 to 100")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			report, err := bench.Idle(cmd.Context(), bench.IdleOptions{
				Executable: executable, Connections: connections, Intervals: intervals, Commit: version,
				Progress: func(r bench.IdleRun) {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s, heartbeat %g s: %.1f KiB live, %.1f KiB resident per connection\n", r.Protocol, r.HeartbeatSeconds, r.LiveKiB, r.ResidentKiB)
				},
			})
			if err != nil {
				return err
			}
			if err := report.Print(cmd.OutOrStdout()); err != nil {
				return err
			}
			if out == "" {
				return nil
			}
			return report.Write(out)
		},
	}
	f := cmd.Flags()
	f.IntVar(&connections, "connections", 10_000, "how many are open at once")
	f.IntVar(&intervals, "intervals", 3, "how many heartbeats CPU time is measured over, of each kind")
	f.StringVar(&out, "out", "", "write the report to this file (JSON)")
	return cmd
}

func benchLoginCommand() *cobra.Command {
	var users, seconds int
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Measure signing in",
		Long: "Start a real Kafka and Redis, a process that decides and projects, and a login server in one of its own, make --users accounts,\n" +
			"and tell the rates and latencies of sign-ins with passwords, at the default cost of argon2id, and of renewals; beside them what\n" +
			"hashing alone takes here, and checking a token. It takes about five times --seconds and a minute.",
		Example: "  annal bench login --seconds 10",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if users < 1 || users > 1_000_000 || seconds < 1 || seconds > 600 {
				return fmt.Errorf("--users is 1 to 1000000, --seconds 1 to 600")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			return bench.Login(cmd.Context(), bench.LoginOptions{
				Executable: executable, Users: users, Span: time.Duration(seconds) * time.Second,
				Progress: func(r bench.Figure) {
					fmt.Fprintf(cmd.OutOrStdout(), "%10.1f %-4s %s\n", r.Value, r.Unit, r.Name)
				},
			})
		},
	}
	cmd.Flags().IntVar(&users, "users", 1000, "how many accounts there are")
	cmd.Flags().IntVar(&seconds, "seconds", 10, "how long each measurement takes")
	return cmd
}

func benchPushCommand() *cobra.Command {
	var service string
	var seconds int
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Measure notifications",
		Long: "Start a real Kafka and Redis, a process that decides and projects, and the role push in one of its own, without the hold; stand-ins of services are in this\n" +
			"process. Tell how long it takes from a client's send to the service having the notification, and how many notifications are brought, and decided against,\n" +
			"by how much of a processor; beside that what the service takes from its connector alone. It takes about twice --seconds and a minute.",
		Example: "  annal bench push --service apns --seconds 10",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seconds < 1 || seconds > 600 {
				return fmt.Errorf("--seconds is 1 to 600")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			return bench.Push(cmd.Context(), bench.PushOptions{
				Executable: executable, Service: service, Span: time.Duration(seconds) * time.Second,
				Progress: func(r bench.Figure) {
					fmt.Fprintf(cmd.OutOrStdout(), "%10.1f %-4s %s\n", r.Value, r.Unit, r.Name)
				},
			})
		},
	}
	cmd.Flags().StringVar(&service, "service", "apns", "the vendor whose stand-in takes them")
	cmd.Flags().IntVar(&seconds, "seconds", 10, "how long each measurement takes")
	return cmd
}
