package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"annal/internal/endpoints"
	"annal/pkg/client"
)

// gatewayFlags say where a client finds a gateway, and with which token.
type gatewayFlags struct {
	file  string
	url   string
	token string
}

// defaultEndpoints is where `annal dev` writes its endpoints when not told otherwise.
var defaultEndpoints = filepath.Join("data", "endpoints.json")

func (g *gatewayFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&g.file, "endpoints", defaultEndpoints, "the server's endpoints file")
	f.StringVar(&g.url, "url", "", "the gateway's WebSocket URL (default: from the endpoints file)")
	f.StringVar(&g.token, "token", "", "the token to connect with (default: the endpoints file's development token)")
}

// options gives what connects as user; an empty user is the token's own. The
// endpoints file is read anew at every connection: a server that was started again
// may be elsewhere.
func (g *gatewayFlags) options(user string) (client.Options, error) {
	if g.url != "" && g.token == "" {
		return client.Options{}, errors.New("--url needs a --token: `annal token --user NAME` issues one for development")
	}
	token, err := g.readToken(context.Background())
	if err != nil {
		return client.Options{}, err
	}
	opts := client.Options{Locate: g.locate, Token: g.readToken, Version: "annal/" + version}
	own, service := bearer(token)
	switch {
	case service:
		opts.AsUser = user
	case user != "" && own != user:
		return client.Options{}, fmt.Errorf("the token is %s's own, not %s's", own, user)
	}
	return opts, nil
}

func (g *gatewayFlags) locate(context.Context) (string, error) {
	if g.url != "" {
		return g.url, nil
	}
	f, err := endpoints.Read(g.file)
	if err != nil {
		return "", err
	}
	if f.WS == "" {
		return "", fmt.Errorf("%s names no gateway", g.file)
	}
	return f.WS, nil
}

func (g *gatewayFlags) readToken(context.Context) (string, error) {
	if g.token != "" {
		return g.token, nil
	}
	f, err := endpoints.Read(g.file)
	if err != nil {
		return "", err
	}
	if f.Token == "" {
		return "", fmt.Errorf("%s holds no token; give one with --token", g.file)
	}
	return f.Token, nil
}

// bearer reads whose a token is, without checking it: that is the server's business.
func bearer(token string) (user string, service bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var c struct {
		Subject string `json:"sub"`
		Service string `json:"svc"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return "", false
	}
	return c.Subject, c.Service != ""
}
