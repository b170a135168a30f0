package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func healthCommand() *cobra.Command {
	var address string
	var live, overTLS bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a server whether it serves",
		Long: "Ask a server's /readyz whether all its roles serve, or with --live its /healthz whether the process\n" +
			"lives; say what it answers, and fail unless it is well. For images that hold nothing but annal.",
		Example: "  annal health --http 127.0.0.1:8080\n  annal health --live",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			answer, err := health(ctx, address, path, overTLS)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), answer)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "http", "127.0.0.1:8080", "the server's address, as it was told it")
	f.BoolVar(&overTLS, "tls", false, "the server speaks TLS; whose certificate it has is not looked at")
	f.BoolVar(&live, "live", false, "ask only whether the process lives")
	f.DurationVar(&wait, "wait", 5*time.Second, "how long to wait for its answer")
	return cmd
}

// maxAnswer is more than a server says of its health.
const maxAnswer = 4096

func health(ctx context.Context, address, path string, overTLS bool) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--http: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens on every address
	}
	client, scheme := http.DefaultClient, "http"
	if overTLS {
		// It is asked by its address, which stands in no certificate, and told nothing.
		client, scheme = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}, "https" //nolint:gosec // see above
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return "", fmt.Errorf("--http: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	answer := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return answer, nil
}
