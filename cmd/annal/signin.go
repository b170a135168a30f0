package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"annal/internal/endpoints"
	"annal/pkg/client"
)

// signedIn chats as somebody who signs in with their password, and signs out at the end.
func (fl *chatFlags) signedIn(ctx context.Context, in io.Reader, out io.Writer) error {
	if fl.as == "" {
		return errors.New("say who signs in: --as NAME")
	}
	server := fl.login
	if server == "" {
		f, err := endpoints.Read(fl.gateway.file)
		if err != nil {
			return err
		}
		server = f.HTTP
	}
	lines := bufio.NewReader(in)
	password, err := askPassword(in, lines, out)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tokens, err := client.LoginServer{URL: server, Device: fl.device, Kind: "desktop"}.Password(asking, fl.as, password)
	if err != nil {
		return err
	}
	defer func() {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := tokens.SignOut(leaving); err != nil {
			fmt.Fprintln(out, "* not signed out:", err)
		}
	}()
	if f, is := in.(*os.File); !is || !term.IsTerminal(int(f.Fd())) {
		in = lines
	}
	return fl.connect(ctx, client.Options{Locate: fl.gateway.locate, Token: tokens.Token, Version: "annal/" + version}, in, out)
}

// askPassword reads a password from the terminal, unseen, or a line of what is none.
func askPassword(in io.Reader, lines *bufio.Reader, out io.Writer) (string, error) {
	if f, is := in.(*os.File); is && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(out, "Password: ")
		password, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(out)
		return string(password), err
	}
	line, err := lines.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", fmt.Errorf("no password on the standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
