package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/app"
	"annal/internal/people"
)

// admin runs something of an administrator's against the flags' target.
func admin(cmd *cobra.Command, engines *engineFlags, run func(ctx context.Context, a *people.Admin) error) error {
	if err := engines.resolve(); err != nil {
		return err
	}
	a, done, err := app.OpenPeople(cmd.Context(), engines.target)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(cmd.Context(), adminTime)
	defer cancel()
	return run(ctx, a)
}

// adminTime bounds a command on one account.
const adminTime = time.Minute

func userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Make, show, ban and close the accounts of people",
		Long: "Make accounts that people sign in with (role login), show them, keep their users out, and close them. What happens to an account is in its user's\n" +
			"self session, so auditors see it; passwords' hashes are in the topic annal.accounts alone.",
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(userCreateCommand(), userImportCommand(), userShowCommand(), userSimple("ban", "End all logins of a user, and keep them out",
		"a ban ends what is open within two seconds, whoever issued the user's tokens; their memberships stay", func(ctx context.Context, a *people.Admin, user, reason string) error {
			return a.Ban(ctx, user, reason)
		}), userSimple("unban", "Let a banned user in again", "", func(ctx context.Context, a *people.Admin, user, _ string) error { return a.Unban(ctx, user) }),
		userSimple("sign-out", "End all logins of a user", "", func(ctx context.Context, a *people.Admin, user, _ string) error { return a.SignOut(ctx, user) }),
		userSimple("close", "Close an account for ever: its user leaves all sessions", "the steward ends the user's part in every session; nobody gets the name again", func(ctx context.Context, a *people.Admin, user, _ string) error {
			return a.Close(ctx, user)
		}), userPasswordCommand(), userInviteCommand())
	return cmd
}

// userSimple is a command that does one thing to a user.
func userSimple(name, short, long string, do func(ctx context.Context, a *people.Admin, user, reason string) error) *cobra.Command {
	var engines engineFlags
	var reason string
	cmd := &cobra.Command{
		Use:     name + " USER",
		Short:   short,
		Long:    strings.TrimSpace(short + ": " + long),
		Example: "  annal user " + name + " alice",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				if err := do(ctx, a, args[0], reason); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: done\n", args[0])
				return nil
			})
		},
	}
	engines.bind(cmd)
	if name == "ban" {
		cmd.Flags().StringVar(&reason, "reason", "", "why, for the user's self session")
	}
	return cmd
}

func userCreateCommand() *cobra.Command {
	var engines engineFlags
	var hash string
	var none bool
	cmd := &cobra.Command{
		Use:   "create USER",
		Short: "Make an account",
		Long: "Make an account. The password is read from the standard input, one line, so that it is in no list of processes and no history; or its\n" +
			"argon2id hash is given, as a PHC string.",
		Example: "  annal user create alice\n  annal user create alice --hash '$argon2id$v=19$m=19456,t=2,p=1$…'\n  annal user create kiosk --no-password",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password := ""
			if hash == "" && !none {
				var err error
				if password, err = readPassword(cmd); err != nil {
					return err
				}
			}
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				if err := a.Create(ctx, args[0], password, hash); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: created\n", args[0])
				return nil
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().StringVar(&hash, "hash", "", "the password's hash")
	cmd.Flags().BoolVar(&none, "no-password", false, "nobody signs in with it until a password is set")
	cmd.MarkFlagsMutuallyExclusive("hash", "no-password")
	return cmd
}

// readPassword reads one line of standard input.
func readPassword(cmd *cobra.Command) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), "Password: ")
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 8<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("no password on the standard input")
	}
	return line, nil
}

func userPasswordCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:     "reset-password USER",
		Short:   "Set a password and end all logins of its user",
		Long:    "Set the password, read from the standard input, and end all logins: whoever had the old one is out.",
		Example: "  annal user reset-password alice",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				if err := a.ResetPassword(ctx, args[0], password); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: password set, signed out everywhere\n", args[0])
				return nil
			})
		},
	}
	engines.bind(cmd)
	return cmd
}

func userImportCommand() *cobra.Command {
	var engines engineFlags
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Make accounts of a CSV",
		Long: "Make accounts of a CSV (- is the standard input). The first line names the columns: " + strings.Join(people.Columns(), ", ") + ";\n" +
			"user is required, and a hash, which has commas, is quoted. Who has an account is left as they are, so it may be run again. It ends with 1 when a line was refused.",
		Example: "  annal user import people.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := io.Reader(cmd.InOrStdin())
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close() //nolint:errcheck // opened for reading: closing can lose nothing
				in = f
			}
			if err := engines.resolve(); err != nil {
				return err
			}
			a, done, err := app.OpenPeople(cmd.Context(), engines.target)
			if err != nil {
				return err
			}
			defer done()
			tally, err := a.Import(cmd.Context(), in, func(line int, err error) { fmt.Fprintf(cmd.ErrOrStderr(), "line %d: %v\n", line, err) })
			fmt.Fprintf(cmd.OutOrStdout(), "%d created, %d there already, %d refused\n", tally.Created, tally.There, tally.Refused)
			if err == nil && tally.Refused > 0 {
				err = fmt.Errorf("%d lines were refused", tally.Refused)
			}
			return err
		},
	}
	engines.bind(cmd)
	return cmd
}

func userShowCommand() *cobra.Command {
	var engines engineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show USER",
		Short:   "Show an account and the devices that are signed in",
		Long:    "Show an account, whether its user is banned, and the devices that are signed in. It shows no secrets: there are none to show.",
		Example: "  annal user show alice\n  annal user show alice --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				u, err := a.Show(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(u)
				}
				return showUser(cmd.OutOrStdout(), &u)
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

func showUser(out io.Writer, u *people.User) error {
	state := "open"
	switch {
	case u.Closed:
		state = "closed"
	case u.Banned:
		state = "banned"
	case !u.Account:
		state = "from another issuer"
	}
	fmt.Fprintf(out, "%s: %s\n", u.User, state)
	if u.Created != nil {
		fmt.Fprintf(out, "created %s\n", u.Created.Format(time.RFC3339))
	}
	switch {
	case u.PasswordSet != nil:
		fmt.Fprintf(out, "password set %s\n", u.PasswordSet.Format(time.RFC3339))
	case u.Account && !u.Closed:
		fmt.Fprintln(out, "no password")
	}
	if len(u.Logins) == 0 {
		fmt.Fprintln(out, "signed in nowhere")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tKIND\tCLIENT\tSINCE")
	for _, l := range u.Logins {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Device, l.Kind, l.Client, l.Since.Format(time.RFC3339))
	}
	return w.Flush()
}

func userInviteCommand() *cobra.Command {
	var engines engineFlags
	var uses uint32
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:     "invite",
		Short:   "Make an invitation that people sign up with",
		Long:    "Make an invitation, and print it: it is not kept, but for its hash. People sign up with it where --sign-up is invite, or open.",
		Example: "  annal user invite --uses 20 --lasts 168h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return admin(cmd, &engines, func(ctx context.Context, a *people.Admin) error {
				secret, err := a.Invite(ctx, uses, lasts)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), secret)
				return nil
			})
		},
	}
	engines.bind(cmd)
	cmd.Flags().Uint32Var(&uses, "uses", 1, "how many sign up with it")
	cmd.Flags().DurationVar(&lasts, "lasts", 7*24*time.Hour, "for how long it is good")
	return cmd
}
