package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// S3Options say how an [S3] is started.
type S3Options struct {
	// Dir holds the data and the log. Empty: a temporary one, removed by Stop.
	Dir string
	// Binary is s3d. Empty: it is built from the sources of the module that the working directory is in.
	Binary string
	// AccessKey and SecretKey are its only user's.
	AccessKey, SecretKey string
}

// S3 is an s3d process: versitygw over a directory. Its methods are not safe for concurrent use, except URL.
type S3 struct {
	opts      S3Options
	dir       string
	temporary bool
	ports     ports
	port      int
	proc      *child // nil while stopped
}

// StartS3 starts s3d and returns once it answers; ctx bounds the start only.
func StartS3(ctx context.Context, opts S3Options) (*S3, error) {
	dir, temporary, err := placeFor(opts.Dir, "s3")
	if err != nil {
		return nil, err
	}
	s := &S3{opts: opts, dir: dir, temporary: temporary}
	if opts.Binary == "" {
		s.opts.Binary = filepath.Join(dir, "s3d")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", s.opts.Binary, "annal/cmd/s3d")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("devstack: build s3d: %w\n%s", err, out), s.release())
		}
	}
	err = withFreePorts(ctx, false, func() (err error) {
		if err := s.ports.release(); err != nil { // of an attempt before
			return err
		}
		if s.port, err = s.ports.choose(); err != nil {
			return err
		}
		return s.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// URL is where it is asked, the same over restarts.
func (s *S3) URL() string { return "http://" + hostport(s.port) }

// Stop ends it orderly and removes its directory if that was a temporary one, which is the end of it.
func (s *S3) Stop() error {
	var err error
	if s.proc != nil {
		err = s.proc.stop(10 * time.Second)
		s.proc = nil
	}
	return errors.Join(err, s.release())
}

// Kill ends it by SIGKILL and keeps its directory for Restart.
func (s *S3) Kill() {
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Restart starts it on the same port and directory, killing it first if it runs.
func (s *S3) Restart(ctx context.Context) error {
	s.Kill()
	return s.start(ctx)
}

func (s *S3) release() error {
	err := s.ports.release()
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func (s *S3) start(ctx context.Context) error {
	cmd := exec.Command(s.opts.Binary, "--listen", hostport(s.port), "--data", filepath.Join(s.dir, "data"))
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "S3D_ACCESS_KEY="+s.opts.AccessKey, "S3D_SECRET_KEY="+s.opts.SecretKey)
	proc, err := startCommand("s3d", filepath.Join(s.dir, "s3d.log"), cmd)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, proc, 20*time.Millisecond, func(ctx context.Context) error { return pingHTTP(ctx, s.URL()+"/health") }); err != nil {
		return err
	}
	s.proc = proc
	return nil
}
