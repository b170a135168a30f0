package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"annal/internal/people"
	"annal/pkg/login"
)

func serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Add, list and remove services and clients that sign people in",
		Long: "Add services, which get tokens for their own secret (client credentials), and OAuth clients, which sign people in with authorization codes.\n" +
			"The first-party client app is always there.",
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(serviceAddCommand(), serviceListCommand(), serviceRemoveCommand())
	return cmd
}

func serviceAddCommand() *cobra.Command {
	var engines engineFlags
	var n login.NewClient
	var scopes []string
	var public bool
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Add a service or a client, and print its secret",
		Long: "Add a service with scopes, or a client with redirect URIs, or both; one that is there is replaced, secret and all. Its secret is printed, and kept nowhere\n" +
			"but as a hash. With --public it has none: for programs that people have themselves, which use PKCE.",
		Example: "  annal service add welcome --scopes read,write\n  annal service add web --redirect https://chat.example/callback --public --name 'Web chat'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			n.ID = args[0]
			if n.Scopes, err = people.Scopes(scopes); err != nil {
				return err
			}
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				secret, err := a.AddClient(ctx, n, public)
				if err != nil {
					return err
				}
				if secret != "" {
					fmt.Fprintln(cmd.OutOrStdout(), secret)
				}
				return nil
			})
		},
	}
	engines.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&n.Name, "name", "", "what people are shown that it is called")
	f.StringSliceVar(&scopes, "scopes", nil, "what it may do as a service: read, write, import, accounts")
	f.StringSliceVar(&n.Redirects, "redirect", nil, "where authorization codes may go")
	f.BoolVar(&public, "public", false, "it has no secret")
	return cmd
}

func serviceListCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List services and clients",
		Example: "  annal service list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return admin(cmd, &engines, func(_ context.Context, a *people.Admin) error {
				all := a.Clients()
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tSECRET\tSCOPES\tREDIRECTS")
				for _, c := range all {
					secret := "yes"
					if c.Public {
						secret = "none"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.ID, c.Name, secret, strings.Join(c.Scopes, " "), strings.Join(c.Redirects, " "))
				}
				return w.Flush()
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}

func serviceRemoveCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a service or a client",
		Long:    "Remove a service or a client: it gets no more tokens. Those that it has are good until they expire.",
		Example: "  annal service remove welcome",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error { return a.RemoveClient(ctx, args[0]) })
		},
	}
	engines.bind(cmd)
	return cmd
}
