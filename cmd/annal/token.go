package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
)

func tokenCommand() *cobra.Command {
	var r app.TokenRequest
	var newKey string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Issue a token for a user or a service",
		Long: "Sign a token (EdDSA JWT) with the development key under --data, or with --key.\n" +
			"With --service the token may act for any user. --new-key makes a signing key and ends;\n" +
			"the same file serves a gateway as --auth-keys.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newKey != "" {
				return app.NewKey(newKey)
			}
			token, err := app.IssueToken(r)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), token)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.User, "user", "", "the user the token is for")
	f.StringVar(&r.Service, "service", "", "make it a service token of this name")
	f.DurationVar(&r.TTL, "ttl", 24*time.Hour, "how long it is good")
	f.StringVar(&r.KeyFile, "key", "", "the signing key's file (default: the development key)")
	f.StringVar(&r.Data, "data", "data", "the server's data directory")
	f.StringVar(&newKey, "new-key", "", "write a new signing key to this file and end")
	return cmd
}
