// Command s3d is versitygw's S3 gateway over a directory, in one process on loopback: the vault's object storage in
// `annal dev` and in tests. In production any S3 takes its place. It is a program of its own since the gateway changes
// its process's working directory and runs once in a process (docs/decisions/0010-the-vault.md).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "s3d:", err)
		stop()
		os.Exit(1)
	}
}

// healthPath answers without credentials.
const healthPath = "/health"

// errNoCredentials says where they come from.
var errNoCredentials = errors.New("S3D_ACCESS_KEY and S3D_SECRET_KEY must be set")

func command() *cobra.Command {
	var listen, data string
	cmd := &cobra.Command{
		Use:   "s3d",
		Short: "S3 over a directory",
		Long: "Serve the directory's sub-directories as S3 buckets. For development and tests: no TLS, one user, whose\n" +
			"credentials come from the environment, S3D_ACCESS_KEY and S3D_SECRET_KEY.",
		Example:       "  S3D_ACCESS_KEY=a S3D_SECRET_KEY=b s3d --data data/vault --listen 127.0.0.1:7070",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), listen, data) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:7070", "address to listen on; loopback, since there is no TLS")
	cmd.Flags().StringVar(&data, "data", "data/vault", "the directory; buckets are below its \"buckets\"")
	return cmd
}

func serve(ctx context.Context, listen, data string) error {
	access, secret := os.Getenv("S3D_ACCESS_KEY"), os.Getenv("S3D_SECRET_KEY")
	if access == "" || secret == "" {
		return errNoCredentials
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	// What belongs to objects but is no content is in files beside them: not every file system has extended attributes.
	buckets, beside := filepath.Join(data, "buckets"), filepath.Join(data, "meta")
	for _, dir := range []string{buckets, beside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	sidecar, err := meta.NewSideCar(beside)
	if err != nil {
		return err
	}
	backend, err := posix.New(buckets, sidecar, posix.PosixOpts{SideCarDir: beside, NewDirPerm: 0o700})
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess: access, RootUserSecret: secret, Ports: []string{listen}, HealthPath: healthPath, KeepAlive: true, Quiet: true,
		MaxConnections: 1024, MaxRequests: 1024, MultipartMaxParts: 10_000,
	})
}
