package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
)

func tokenCommand() *cobra.Command {
	var r app.TokenRequest
	var newKey string
	var public, rotate bool
	var prepare, keep time.Duration
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Issue a token for a user or a service",
		Long: "Sign a token (EdDSA JWT) with the development key under --data, or with --key.\n" +
			"With --service the token may act for any user. --new-key makes a signing key and ends;\n" +
			"--public prints what gateways check its tokens with (--auth-keys), and ends: they need not hold\n" +
			"the key itself. --rotate puts a new key beside the old ones, without a moment at which a token is refused:\n" +
			"servers read their files of keys again when they are replaced.",
		Example: "  annal token --user alice --ttl 1h\n  annal token --new-key signing.json\n  annal token --key signing.json --public > keys.json\n  annal token --key signing.json --rotate --keep 1h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newKey != "" {
				return app.NewKey(newKey)
			}
			if public {
				keys, err := app.PublicKeys(r)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(string(keys)))
				return nil
			}
			if rotate {
				id, from, err := app.RotateKeys(r, prepare, keep)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s signs from %s on; tokens of the keys before are good for %s after that\n", id, from.UTC().Format(time.RFC3339), keep)
				return nil
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
	f.BoolVar(&public, "public", false, "print the key's public part for gateways and end")
	f.BoolVar(&rotate, "rotate", false, "put a new key into the signing keys' file and end")
	f.DurationVar(&prepare, "prepare", time.Minute, "with --rotate: sign with it after so long; by then whoever checks tokens has it")
	f.DurationVar(&keep, "keep", 24*time.Hour, "with --rotate: how much longer the tokens of old keys are good; no shorter than tokens last")
	f.StringVar(&newKey, "new-key", "", "write a new signing key to this file and end")
	return cmd
}
