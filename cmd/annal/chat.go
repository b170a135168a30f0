package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/chat"
	"annal/pkg/client"
)

// chatFlags are the command's own.
type chatFlags struct {
	gateway gatewayFlags
	as      string
	device  string
	place   chat.Place
	// signIn: with the user's password, at the login server; login is where that is.
	signIn bool
	login  string
}

func chatCommand() *cobra.Command {
	var fl chatFlags
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Chat in the terminal",
		Long: "Chat with one person (--with), in a group (--group, opened with all of --with when there is none)\n" +
			"or in any session (--session). Lines go out, events come in; /help names the rest. It works on\n" +
			"pipes too. With the development token it acts for the user of --as; with a user's own token\n" +
			"(--token) --as is not needed; with --sign-in it asks for the password of the user of --as, and signs out at the end.",
		Example: "  annal chat --as alice --with bob\n  annal chat --as alice --group tea --with bob --with carol",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fl.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	fl.gateway.bind(f)
	f.StringVar(&fl.as, "as", "", "who you are")
	f.BoolVar(&fl.signIn, "sign-in", false, "sign in as --as with a password: asked for, or a line of the standard input where that is no terminal")
	f.StringVar(&fl.login, "login", "", "with --sign-in: the login server's URL (default: from the endpoints file)")
	f.StringVar(&fl.device, "device", "terminal", "what to call this device")
	f.StringVar(&fl.place.Session, "session", "", "the session to chat in")
	f.StringVar(&fl.place.Invite, "invite", "", "an invite's code, to come into --session by")
	f.StringVar(&fl.place.Group, "group", "", "the group to chat in, by name")
	f.StringArrayVar(&fl.place.With, "with", nil, "the person to chat with; for a new group, each of its members")
	cmd.MarkFlagsMutuallyExclusive("session", "group")
	cmd.MarkFlagsMutuallyExclusive("session", "with")
	cmd.MarkFlagsOneRequired("session", "group", "with")
	return cmd
}

func (fl *chatFlags) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if fl.place.Group == "" && len(fl.place.With) > 1 {
		return errors.New("several of --with need a --group")
	}
	if fl.signIn {
		return fl.signedIn(ctx, in, out)
	}
	opts, err := fl.gateway.options(fl.as)
	if err != nil {
		return err
	}
	if opts.AsUser == "" && fl.as == "" && fl.gateway.token == "" {
		return errors.New("say who you are: --as NAME")
	}
	return fl.connect(ctx, opts, in, out)
}

// connect chats over a connection with these options.
func (fl *chatFlags) connect(ctx context.Context, opts client.Options, in io.Reader, out io.Writer) error {
	opts.Device = fl.device
	states := make(chan client.State, 64)
	opts.OnState = func(s client.State) {
		select {
		case states <- s:
		default: // many came and went unseen; the last ones matter
		}
	}
	dialing, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := client.Dial(dialing, opts)
	if err != nil {
		return err
	}
	defer c.Close()
	return fl.chat(ctx, c, states, in, out)
}

// chat opens the place and chats there.
func (fl *chatFlags) chat(ctx context.Context, c *client.Client, states <-chan client.State, in io.Reader, out io.Writer) error {
	conn := chat.Connect(c)
	session, err := chat.Open(ctx, conn, fl.place)
	if err != nil {
		return err
	}
	screen, restore, err := chat.OpenScreen(in, out)
	if err != nil {
		return err
	}
	defer restore()
	screen.Print(fmt.Sprintf("* you are %s, in session %s; /help says what can be done", c.User(), session))
	talk := chat.New(conn, screen, session, c.User(), time.Local)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			select {
			case s := <-states:
				talk.State(watching, s)
			case <-watching.Done():
				return
			}
		}
	}()
	return talk.Run(ctx)
}
