// Command annal is the whole product in one binary: servers, chat, import and the
// tools of operators and auditors.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"annal/internal/config"
)

// version is set by the Makefile from git.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "annal:", err)
		stop()
		code := 1
		if e, ok := errors.AsType[exit](err); ok {
			code = e.code
		}
		os.Exit(code)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "annal",
		Short: "An instant-messaging core in which the log is the product",
		Long: "Annal keeps every send, revoke, override, read receipt and membership change as an immutable\n" +
			"event in Kafka. Start with `annal dev`, then `annal chat --as alice --with bob`.\n\n" +
			"Every flag can be given in the environment: --log-level as ANNAL_LOG_LEVEL. Servers take a file of\n" +
			"settings too (--config); `annal config` prints what is in force.",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return config.FromEnvironment(cmd.Flags())
		},
	}
	root.AddCommand(devCommand(), serveCommand(), configCommand(), chatCommand(), importCommand(), logCommand(), topicsCommand(),
		tokenCommand(), userCommand(), serviceCommand(), nodesCommand(), presenceCommand(), pushCommand(), verifyCommand(), rebuildCommand(), replayCommand(), healthCommand(), quarantineCommand(), reportsCommand(), archiveCommand(),
		vaultCommand(), auditCommand(), scenarioCommand(), benchCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  annal version",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "annal", version)
		},
	}
}
