package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/pkg/events"
)

func pushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Show why notifications were brought or not, and try the devices of a user",
		Long:  "What the role push decided for a user, and whether a notification reaches their devices. docs/push.md says what reasons mean.",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(pushLogCommand(), pushTestCommand())
	return cmd
}

// Errors of --user.
var (
	errNoUser  = errors.New("--user: whom is it about?")
	errBadUser = fmt.Errorf("--user: that is no user id: want 1 to %d printable ASCII characters, none of them a space", events.MaxNameBytes)
)

// pushTarget opens what is known of notifications.
func pushTarget(cmd *cobra.Command, engines *engineFlags, user string, keep time.Duration, use func(context.Context, app.OpenedPush) error) error {
	switch {
	case user == "":
		return errNoUser
	case !events.ValidName(user):
		return errBadUser
	}
	if engines.target.Redis == "" || len(engines.target.Kafka) == 0 {
		if err := engines.resolve(); err != nil {
			return err
		}
	}
	opened, err := app.OpenPush(cmd.Context(), engines.target, keep)
	if err != nil {
		return err
	}
	defer opened.Close()
	return use(cmd.Context(), opened)
}

// plain is what a client or a vendor said, safe to print in a table.
func plain(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
