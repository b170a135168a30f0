package main

import (
	"context"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/endpoints"
	"annal/internal/logview"
	"annal/pkg/events"
)

// engineFlags say where a tool finds the log, and the view.
type engineFlags struct {
	file   string
	target app.Target
}

func (e *engineFlags) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.file, "endpoints", defaultEndpoints, "the server's endpoints file")
	f.StringSliceVar(&e.target.Kafka, "kafka", nil, "Kafka's bootstrap addresses (default: from the endpoints file)")
	f.StringVar(&e.target.Redis, "redis", "", "Redis's address; of a cluster several nodes', with commas between (default: from the endpoints file)")
	bindClickHouse(f, &e.target.ClickHouse, " (default: from the endpoints file)")
	bindVault(f, &e.target.Vault, " (default: from the endpoints file)")
	f.StringVar(&e.target.Prefix, "prefix", "", "goes before the names of topics and keys")
}

// resolve fills in what was not given from the endpoints file.
func (e *engineFlags) resolve() error {
	if len(e.target.Kafka) > 0 {
		return nil
	}
	f, err := endpoints.Read(e.file)
	if err != nil {
		return err
	}
	given := e.target.Vault
	if e.target = targetOf(f, e.target.ClickHouse); given.URL != "" {
		e.target.Vault = given
	}
	return nil
}

// targetOf is the deployment of an endpoints file, with the archive that is named beside it, or in it.
func targetOf(f endpoints.File, c app.ClickHouse) app.Target {
	if c.URL == "" && f.ClickHouse != "" {
		c.URL, c.Database = f.ClickHouse, f.ClickHouseDatabase
	}
	t := app.Target{Kafka: f.Kafka, Redis: f.Redis, Prefix: f.Prefix, Cluster: f.Cluster, Embedded: f.Embedded, ClickHouse: c, Vault: app.DefaultVault()}
	if v := f.Vault; v != nil {
		t.Vault.URL, t.Vault.Bucket, t.Vault.Region, t.Vault.AccessKey = v.URL, v.Bucket, v.Region, v.AccessKey
		t.Vault.SecretKeyFile, t.Vault.CAFile = v.SecretKeyFile, v.CAFile
	}
	return t
}

func logCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "log", Short: "Look at the log itself"}
	cmd.AddCommand(tailCommand())
	return cmd
}

func tailCommand() *cobra.Command {
	var engines engineFlags
	var opts logview.Options
	var session, user string
	cmd := &cobra.Command{
		Use:     "tail",
		Short:   "Show outcomes as lines: time, partition/offset, session, seq, what happened",
		Example: "  annal log tail -f\n  annal log tail --user alice --kind rejected,revoked -n 100",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := engines.resolve(); err != nil {
				return err
			}
			opts.Filter.Session, opts.Filter.User = events.SessionID(session), events.UserID(user)
			return engines.withLog(cmd.Context(), func(ctx context.Context, t app.Opened) error {
				return logview.Tail(ctx, t.Log, cmd.OutOrStdout(), opts)
			})
		},
	}
	engines.bind(cmd)
	f := cmd.Flags()
	f.IntVarP(&opts.Last, "last", "n", 20, "how many of the newest to show; 0: all")
	f.BoolVarP(&opts.Follow, "follow", "f", false, "go on as the log grows")
	f.BoolVar(&opts.Skipped, "skipped", false, "show fences too, and what does not count")
	f.StringVar(&session, "session", "", "only this session")
	f.StringVar(&user, "user", "", "only what this user did, or was done to the user's membership")
	f.StringSliceVar(&opts.Filter.Kinds, "kind", nil, "only these: sent, revoked, overridden, read, rejected, answered, …")
	return cmd
}

// withArchive opens the log and the archive, if there is one.
func (e *engineFlags) withArchive(ctx context.Context, call func(context.Context, app.Opened) error) error {
	t := e.target
	t.Redis = ""
	opened, err := app.Open(ctx, t)
	if err != nil {
		return err
	}
	defer opened.Close()
	return call(ctx, opened)
}

// withLog opens the log alone.
func (e *engineFlags) withLog(ctx context.Context, call func(context.Context, app.Opened) error) error {
	t := e.target
	t.Redis, t.ClickHouse = "", app.ClickHouse{}
	opened, err := app.Open(ctx, t)
	if err != nil {
		return err
	}
	defer opened.Close()
	return call(ctx, opened)
}
