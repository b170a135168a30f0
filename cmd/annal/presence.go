package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/pkg/events"
	"annal/pkg/presence"
)

// maxPresenceUsers is how many users one call is about.
const maxPresenceUsers = 1000

func presenceCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "presence USER…",
		Short: "Show whether users are online, with what and where",
		Long: "Show the connections that users have, over all gateways, as the gateways put them in Redis; or when somebody who has none was last seen.\n" +
			"With a gateway that is killed its connections end after " + presence.Lasting.String() + ".",
		Example: "  annal presence alice bob\n  annal presence --redis r1:6379 --json alice",
		Args:    cobra.RangeArgs(1, maxPresenceUsers),
		RunE: func(cmd *cobra.Command, names []string) error {
			users := make([]events.UserID, len(names))
			for i, name := range names {
				if !events.ValidName(name) {
					return fmt.Errorf("%q is not a user id", name)
				}
				users[i] = events.UserID(name)
			}
			if engines.target.Redis == "" {
				if err := engines.resolve(); err != nil {
					return err
				}
			}
			if engines.target.Redis == "" {
				return errors.New("no Redis is named: give --redis")
			}
			store, done, err := app.OpenPresence(cmd.Context(), engines.target)
			if err != nil {
				return err
			}
			defer done()
			states, err := presence.NewLookup(store, 0).Of(cmd.Context(), users...)
			if err != nil {
				return err
			}
			if asJSON {
				return writePresenceJSON(cmd.OutOrStdout(), users, states)
			}
			return writePresence(cmd.OutOrStdout(), users, states)
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON array")
	return cmd
}

type presenceLine struct {
	User        events.UserID         `json:"user"`
	Online      bool                  `json:"online"`
	Active      bool                  `json:"active"`
	LastSeenMs  events.Millis         `json:"last_seen_ms,omitempty"`
	Connections []presence.Connection `json:"connections,omitempty"`
}

func writePresenceJSON(w io.Writer, users []events.UserID, states []presence.State) error {
	all := make([]presenceLine, len(users))
	for i, s := range states {
		all[i] = presenceLine{users[i], s.Online(), s.Active(), s.Seen, s.Connections}
	}
	return json.NewEncoder(w).Encode(all)
}

func writePresence(out io.Writer, users []events.UserID, states []presence.State) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tSTATE\tDEVICE\tKIND\tGATEWAY\tSINCE")
	at := func(ms events.Millis) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) }
	for i, s := range states {
		switch {
		case s.Seen > 0:
			fmt.Fprintf(w, "%s\toffline\t\t\t\tlast seen %s\n", users[i], at(s.Seen))
		case !s.Online():
			fmt.Fprintf(w, "%s\toffline\t\t\t\tnever seen\n", users[i])
		}
		for _, c := range s.Connections {
			state := "active"
			if c.Away {
				state = "away"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", users[i], state, c.Device, c.Kind, c.Node, at(c.Since))
		}
	}
	return w.Flush()
}
