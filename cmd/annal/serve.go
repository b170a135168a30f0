package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"annal/internal/app"
	"annal/internal/config"
	"annal/internal/obs"
)

// serverFlags are a server's settings, each of them a flag, and the file they may be in.
type serverFlags struct {
	settings  *pflag.FlagSet
	file      string
	config    app.Config
	engines   app.Engines
	logLevel  string
	logFormat string
}

// newServerFlags have what dev and serve have in common.
func newServerFlags(defaults app.Config) *serverFlags {
	s := &serverFlags{settings: pflag.NewFlagSet("settings", pflag.ContinueOnError), config: defaults, engines: app.DefaultEngines()}
	f := s.settings
	f.SortFlags = false
	f.StringVar(&s.config.HTTP, "http", s.config.HTTP, "address for WebSocket, health and metrics (port 0: any free one)")
	f.StringVar(&s.config.EndpointsFile, "endpoints-file", "", "where to write the server's endpoints once it is ready (JSON)")
	f.StringVar(&s.config.Data, "data", s.config.Data, "directory of everything this process keeps")
	f.DurationVar(&s.config.CheckpointEvery, "checkpoint-every", s.config.CheckpointEvery, "take a checkpoint of a partition's rows this often, if anything came (role sequencer)")
	f.Int64Var(&s.config.CheckpointEvents, "checkpoint-events", s.config.CheckpointEvents, "and as soon as so many events came")
	f.DurationVar(&s.config.Heartbeat, "heartbeat", s.config.Heartbeat, "ask a silent client for a sign of life this often (role gateway)")
	f.DurationVar(&s.config.HeartbeatTimeout, "heartbeat-timeout", s.config.HeartbeatTimeout, "close a connection that was silent for so long (role gateway)")
	f.IntVar(&s.config.MaxConnections, "max-connections", s.config.MaxConnections, "how many connections a gateway takes; the next are turned away, and clients sent elsewhere (role gateway)")
	f.StringVar(&s.config.TLSCert, "tls-cert", "", "file of the certificate chain (PEM) to serve with TLS alone; read again when it is replaced")
	f.StringVar(&s.config.TLSKey, "tls-key", "", "file of its key (PEM)")
	f.StringVar(&s.config.PublicURL, "public-url", "", "where clients reach this gateway, ws:// or wss:// (role gateway; default: where it listens)")
	f.StringSliceVar(&s.config.TrustedProxies, "trusted-proxies", nil, "addresses or prefixes of proxies in front, 10.0.0.0/8, that are believed where a request comes from (X-Forwarded-For)")
	f.StringSliceVar(&s.config.Limits, "limits", nil, "how often who may do what, over all gateways, as user.write=50/s:1000 or user.write=off (role gateway; docs/operations.md has the defaults)")
	f.StringSliceVar(&s.config.Origins, "origins", nil, "web pages' origins that may connect, https://chat.example (role gateway); empty: all, since a token is needed anyway")
	s.config.Login.Bind(f)
	s.config.Push.Bind(f)
	f.DurationVar(&s.config.VerifyEvery, "verify-every", s.config.VerifyEvery, "hold a session against the log this often, a random one (roles hot and archive); 0: never")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	return s
}

func newServeFlags() *serverFlags {
	s := newServerFlags(app.Defaults())
	f := s.settings
	f.StringSliceVar(&s.config.Roles, "roles", s.config.Roles, "the roles to run")
	f.StringSliceVar(&s.config.Kafka, "kafka", nil, "Kafka's bootstrap addresses, host:port")
	f.StringVar(&s.config.Redis, "redis", "", "Redis's address, host:port; of a cluster several nodes', with commas between (roles login, gateway, hot, steward and push)")
	bindClickHouse(f, &s.config.ClickHouse, "")
	bindVault(f, &s.config.Vault, "")
	bindRetention(f, &s.config.Vault)
	f.DurationVar(&s.config.Vault.SealEvery, "vault-seal-every", s.config.Vault.SealEvery, "seal what came after so long, if it is not 16 MiB before (role vault)")
	f.StringVar(&s.config.AuthKeys, "auth-keys", "", "file of the public keys that tokens are checked with, read again when it is replaced (role gateway)")
	f.StringVar(&s.config.Login.SigningKeys, "signing-keys", "", "file of the private keys that tokens are signed with, read again when it is replaced (role login)")
	f.StringVar(&s.config.Prefix, "prefix", "", "goes before the names of topics, groups and view keys")
	return s
}

func newDevFlags() *serverFlags {
	s := newServerFlags(app.DevDefaults())
	f := s.settings
	f.StringVar(&s.engines.Kind, "engines", s.engines.Kind, "embedded or real")
	f.BoolVar(&s.engines.SyncWrites, "sync-writes", false, "embedded log: wait for the disk on every write (slow; survives a power cut)")
	f.Int32Var(&s.engines.Partitions, "partitions", s.engines.Partitions, "partitions of new topics")
	f.BoolVar(&s.engines.Archive, "archive", s.engines.Archive, "start ClickHouse's engine too, and archive (`make engines` fetches it)")
	f.BoolVar(&s.engines.Vault, "vault", s.engines.Vault, "start an object store too, and seal the log into it (the program s3d, which `make build` makes)")
	f.StringVar(&s.engines.S3d, "s3d", "", "the program that is this store (default: s3d beside annal)")
	f.StringVar(&s.engines.Chdbd, "chdbd", "", "the program that serves that engine (default: chdbd beside annal)")
	return s
}

func (s *serverFlags) register(cmd *cobra.Command) {
	cmd.Flags().AddFlagSet(s.settings)
	cmd.Flags().StringVar(&s.file, "config", "", "file of settings (YAML); flags and ANNAL_… come before it")
}

// finish takes the file's settings and makes what follows from all of them.
func (s *serverFlags) finish() error {
	if err := config.FromFile(s.settings, s.file); err != nil {
		return err
	}
	log, err := obs.NewLogger(os.Stderr, s.logLevel, s.logFormat)
	if err != nil {
		return fmt.Errorf("--log-level or --log-format: %w", err)
	}
	s.config.Log, s.config.Version = log, version
	return nil
}

func serveCommand() *cobra.Command {
	flags := newServeFlags()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run roles of Annal against a Kafka, a Redis and a ClickHouse",
		Long: "Run one or several roles in this process: " + strings.Join(app.Roles(), ", ") + ".\n" +
			"The topics must be there (annal topics create), and for role archive the tables (annal archive migrate).",
		Example: "  annal serve --roles sequencer --kafka k1:9092,k2:9092 --data /var/lib/annal/sequencer\n" +
			"  annal serve --config /etc/annal/gateway.yaml --log-level debug",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.finish(); err != nil {
				return err
			}
			defer obs.Flush(flags.config.Log)
			return app.Serve(cmd.Context(), flags.config)
		},
	}
	flags.register(cmd)
	return cmd
}

func devCommand() *cobra.Command {
	flags := newDevFlags()
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run all of Annal in one process, engines included",
		Long: "Run every role in one process with embedded engines (a Kafka-compatible log and a Redis-compatible\n" +
			"view; ClickHouse's engine for the archive, when it is there), or with real Kafka and Redis started for it (--engines real; `make engines` fetches them).\n" +
			"All state is under --data and survives kill -9.",
		Example: "  annal dev\n  annal dev --engines real --data /tmp/annal",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.finish(); err != nil {
				return err
			}
			defer obs.Flush(flags.config.Log)
			return app.Dev(cmd.Context(), flags.config, flags.engines, cmd.OutOrStdout())
		},
	}
	flags.register(cmd)
	return cmd
}
