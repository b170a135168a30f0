package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/pkg/nodes"
)

func nodesCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show the gateways that take connections, and how many each has",
		Long: "Show the gateways as they announce themselves in Redis every " + nodes.Every.String() + ": where clients reach them, how many connections each has,\n" +
			"how late it was to say so, and whether it sends its clients elsewhere. One that was killed is gone after " + nodes.Lasting.String() + ".",
		Example: "  annal nodes\n  annal nodes --redis r1:6379 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if engines.target.Redis == "" {
				if err := engines.resolve(); err != nil {
					return err
				}
			}
			if engines.target.Redis == "" {
				return errors.New("no Redis is named: give --redis")
			}
			registry, done, err := app.OpenRegistry(cmd.Context(), engines.target)
			if err != nil {
				return err
			}
			defer done()
			all, err := registry.Nodes(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				if all == nil {
					all = []nodes.Node{}
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NODE\tURL\tVERSION\tCONNECTIONS\tLATE\tSTATE")
			for _, n := range all {
				state := "open"
				if n.Draining {
					state = "draining"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d ms\t%s\n", n.ID, n.URL, n.Version, n.Connections, n.LagMs, state)
			}
			return w.Flush()
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}
