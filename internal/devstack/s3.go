package devstack

import (
	"context"
	"errors"
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
	engine
	opts S3Options
}

// StartS3 starts s3d and returns once it answers; ctx bounds the start only.
func StartS3(ctx context.Context, opts S3Options) (*S3, error) {
	s := &S3{opts: opts}
	s.launch, s.grace = s.run, 10*time.Second
	err := s.place(opts.Dir, "s3")
	if err != nil {
		return nil, err
	}
	if opts.Binary == "" {
		if s.opts.Binary, err = buildEngine(ctx, s.dir, "s3d"); err != nil {
			return nil, errors.Join(err, s.release())
		}
	}
	if err := s.begin(ctx, 0); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is where it is asked, the same over restarts.
func (s *S3) URL() string { return "http://" + s.Addr() }

func (s *S3) run(ctx context.Context) (*child, error) {
	cmd := exec.Command(s.opts.Binary, "--listen", s.Addr(), "--data", filepath.Join(s.dir, "data"))
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "S3D_ACCESS_KEY="+s.opts.AccessKey, "S3D_SECRET_KEY="+s.opts.SecretKey)
	proc, err := startCommand("s3d", filepath.Join(s.dir, "s3d.log"), cmd)
	if err != nil {
		return nil, err
	}
	return proc, waitReady(ctx, proc, 20*time.Millisecond, func(ctx context.Context) error { return pingHTTP(ctx, s.URL()+"/health") })
}
