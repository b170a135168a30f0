package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"annal/internal/app"
	"annal/internal/freshness"
	"annal/pkg/connectors/clickhouse"
)

// bindClickHouse makes the flags that say where the archive is.
func bindClickHouse(f *pflag.FlagSet, c *app.ClickHouse, from string) {
	d := app.DefaultClickHouse()
	f.StringVar(&c.URL, "clickhouse", "", "ClickHouse's HTTP interface, http://host:port or https://host:port"+from)
	f.StringVar(&c.User, "clickhouse-user", d.User, "the user there")
	f.StringVar(&c.PasswordFile, "clickhouse-password-file", "", "file of that user's password")
	f.StringVar(&c.Database, "clickhouse-database", d.Database, "the archive's database; analysts' views are in one with _v1 behind the name")
	f.StringVar(&c.Cluster, "clickhouse-cluster", "", "the name of ClickHouse's cluster that keeps the archive; empty: one server does")
}

func archiveCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "archive", Short: "Make the archive's tables, and see how far it is"}
	cmd.AddCommand(archiveMigrateCommand(), archiveStatusCommand())
	return cmd
}

func archiveMigrateCommand() *cobra.Command {
	var engines engineFlags
	var o clickhouse.MigrateOptions
	var noRoles bool
	var keepDays int
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make the archive's tables and views, or bring them up to date",
		Long: "Apply the migrations that the archive lacks. Two at once exclude each other; tables of a newer program\n" +
			"are refused. The analysts' roles (DATABASE_analyst, DATABASE_texts) are made too, which needs a user who may.\n" +
			"Stop the archivers of the older program first: they don't start on newer tables.",
		Example: "  annal archive migrate --clickhouse http://ch1:8123 --clickhouse-password-file pw\n" +
			"  annal archive migrate --clickhouse https://ch1:8443 --clickhouse-cluster main",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := engines.resolveArchive(); err != nil {
				return err
			}
			if cmd.Flags().Changed("keep-days") {
				if keepDays < 0 || keepDays > maxKeepDays {
					return fmt.Errorf("--keep-days is 0 to %d", maxKeepDays)
				}
				o.KeepDays = &keepDays
			}
			o.Roles = !noRoles
			return migrateArchive(cmd.Context(), cmd.OutOrStdout(), engines.target.ClickHouse, o)
		},
	}
	engines.bind(cmd)
	cmd.Flags().IntVar(&keepDays, "keep-days", 0, "how many days after their log time outcomes are kept (the table events; messages stay); 0: for ever; where it is not given: as it was")
	cmd.Flags().BoolVar(&o.Unlock, "unlock", false, "take the place of a migration that ended without giving its lock back")
	cmd.Flags().BoolVar(&noRoles, "no-roles", false, "make no roles")
	return cmd
}

// maxKeepDays is a century.
const maxKeepDays = 36_500

func migrateArchive(ctx context.Context, out io.Writer, c app.ClickHouse, o clickhouse.MigrateOptions) error {
	o.Program, o.Holder = version, holder()
	applied, err := app.MigrateArchive(ctx, c, o)
	for _, name := range applied {
		fmt.Fprintln(out, "applied", name)
	}
	if err != nil {
		if errors.Is(err, clickhouse.ErrNoRoles) {
			return fmt.Errorf("the tables are up to date; %w (--no-roles leaves them out)", err)
		}
		return err
	}
	fmt.Fprintln(out, "the archive's tables are up to date")
	return nil
}

// resolveArchive fills in where the archive is.
func (e *engineFlags) resolveArchive() error {
	if e.target.ClickHouse.URL != "" {
		return nil
	}
	if err := e.resolve(); err != nil {
		return err
	}
	if e.target.ClickHouse.URL == "" {
		return fmt.Errorf("%s names no archive: give --clickhouse", e.file)
	}
	return nil
}

func archiveStatusCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the archive is behind the log, what is in it, and what last went wrong",
		Long: "Compare what archivers committed with where the log ends, and count what is in the archive. How far it is\n" +
			"behind is shown while ClickHouse does not answer too.",
		Example: "  annal archive status\n  annal archive status --kafka k1:9092 --clickhouse http://ch1:8123 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := engines.resolve(); err != nil {
				return err
			}
			return engines.withArchive(cmd.Context(), func(ctx context.Context, o app.Opened) error {
				s, err := freshness.Read(ctx, o.Log, o.Archive, time.Now())
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
				}
				printStatus(cmd.OutOrStdout(), s, engines.target.ClickHouse)
				return nil
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

func printStatus(w io.Writer, s freshness.Status, c app.ClickHouse) {
	fmt.Fprintf(w, "behind the log: %d records, %.1f s\n", s.Behind, s.Seconds)
	for _, p := range s.Partitions {
		if p.Behind > 0 {
			fmt.Fprintf(w, "  partition %d: archived up to %d of %d, %.1f s\n", p.Partition, p.Archived, p.End, p.Seconds)
		}
	}
	switch {
	case c.URL == "":
		fmt.Fprintln(w, "no archive was asked (--clickhouse)")
	case s.Error != "":
		fmt.Fprintf(w, "in the archive (%s, database %s): %s\n", c.URL, c.Database, s.Error)
	default:
		fmt.Fprintf(w, "in the archive (%s, database %s): %d outcomes: %d accepted, %d rejected, %d answered, %d unreadable\n", c.URL, c.Database, s.Total,
			s.Rows["accepted"], s.Rows["rejected"], s.Rows["answered"], s.Rows["unreadable"])
	}
	if s.Trouble == "" {
		fmt.Fprintln(w, "last trouble: none")
		return
	}
	fmt.Fprintf(w, "last trouble: %s, partition %d: %s\n", s.TroubleAt, s.OfPartition, s.Trouble)
}
