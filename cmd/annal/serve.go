package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/obs"
)

// serverFlags are common to dev and serve.
type serverFlags struct {
	config    app.Config
	logLevel  string
	logFormat string
}

func (s *serverFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.config.HTTP, "http", "127.0.0.1:8080", "address for WebSocket, health and metrics (port 0: any free one)")
	f.StringVar(&s.config.EndpointsFile, "endpoints-file", "", "where to write the server's endpoints once it is ready (JSON)")
	f.StringVar(&s.config.Data, "data", "data", "directory of everything this process keeps")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
}

func (s *serverFlags) finish() error {
	log, err := obs.NewLogger(os.Stderr, s.logLevel, s.logFormat)
	if err != nil {
		return fmt.Errorf("--log-level or --log-format: %w", err)
	}
	s.config.Log, s.config.Version = log, version
	return nil
}

func serveCommand() *cobra.Command {
	var flags serverFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run roles of Annal against a Kafka and a Redis",
		Long: "Run one or several roles in this process: " + strings.Join(app.Roles(), ", ") + ".\n" +
			"The topics must be there (annal topics create).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.finish(); err != nil {
				return err
			}
			return app.Serve(cmd.Context(), flags.config)
		},
	}
	flags.register(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&flags.config.Roles, "roles", app.Roles(), "the roles to run")
	f.StringSliceVar(&flags.config.Kafka, "kafka", nil, "Kafka's bootstrap addresses, host:port")
	f.StringVar(&flags.config.Redis, "redis", "", "Redis's address, host:port; of a cluster several nodes', with commas between (roles gateway and hot)")
	f.StringVar(&flags.config.AuthKeys, "auth-keys", "", "file of the public keys that tokens are checked with (role gateway)")
	f.StringVar(&flags.config.Prefix, "prefix", "", "goes before the names of topics, groups and view keys")
	return cmd
}

func devCommand() *cobra.Command {
	var flags serverFlags
	var engines app.Engines
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run all of Annal in one process, engines included",
		Long: "Run every role in one process with embedded engines (a Kafka-compatible log and a Redis-compatible\n" +
			"view), or with real Kafka and Redis started for it (--engines real; `make engines` fetches them).\n" +
			"All state is under --data and survives kill -9.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.finish(); err != nil {
				return err
			}
			return app.Dev(cmd.Context(), flags.config, engines, cmd.OutOrStdout())
		},
	}
	flags.register(cmd)
	f := cmd.Flags()
	f.StringVar(&engines.Kind, "engines", app.EnginesEmbedded, "embedded or real")
	f.BoolVar(&engines.SyncWrites, "sync-writes", false, "embedded log: wait for the disk on every write (slow; survives a power cut)")
	f.Int32Var(&engines.Partitions, "partitions", 4, "partitions of new topics")
	return cmd
}
