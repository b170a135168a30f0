package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"annal/internal/devstack"
	"annal/pkg/connectors/s3"
	"annal/pkg/eventlog"
	"annal/pkg/projections/vault"
)

// Vault says where the vault is. Without a URL there is none.
type Vault struct {
	// URL is the object store's, http://host:port or https://host:port.
	URL, Bucket, Region string
	AccessKey           string
	// SecretKeyFile holds the secret key alone, CAFile PEM of authorities; empty: the system's.
	SecretKeyFile string
	CAFile        string
	// RetainDays locks segments for so many days in RetainMode; 0: as the bucket has it.
	RetainDays int
	RetainMode string
	// SealEvery is how long records wait for others to be sealed with.
	SealEvery time.Duration
}

// DefaultVault are the settings where nothing else is said.
func DefaultVault() Vault {
	d := s3.Defaults()
	return Vault{Bucket: d.Bucket, Region: d.Region, RetainMode: d.RetainMode, SealEvery: 10 * time.Minute}
}

const (
	// segmentBytes of records are sealed at once at most.
	segmentBytes = 16 << 20
	// heldBytes bounds what a process's vaulter gathers.
	heldBytes = 128 << 20
	// devSealEvery is for `annal dev`, whose vault is looked at soon.
	devSealEvery = time.Minute
)

func (v Vault) options() (s3.Options, error) {
	o := s3.Defaults()
	o.URL, o.Bucket, o.Region, o.AccessKey, o.RetainDays, o.RetainMode = v.URL, v.Bucket, v.Region, v.AccessKey, v.RetainDays, v.RetainMode
	if v.SecretKeyFile != "" {
		content, err := os.ReadFile(v.SecretKeyFile)
		if err != nil {
			return o, fmt.Errorf("app: --vault-secret-key-file: %w", err)
		}
		o.SecretKey = strings.TrimSpace(string(content))
	}
	if v.CAFile != "" {
		var err error
		if o.CA, err = os.ReadFile(v.CAFile); err != nil {
			return o, fmt.Errorf("app: --vault-ca-file: %w", err)
		}
	}
	return o, nil
}

func (v Vault) open() (*s3.Bucket, error) {
	o, err := v.options()
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(o)
	if err != nil {
		return nil, fmt.Errorf("app: --vault: %w", err)
	}
	return b, nil
}

// Make makes the bucket unless it is there, and sees whether it can hold a vault whose objects' names begin with prefix.
func (v Vault) Make(ctx context.Context, prefix string) error {
	bucket, err := v.open()
	if err == nil {
		err = bucket.Make(ctx, v.RetainDays > 0)
	}
	if err == nil {
		err = bucket.Check(ctx, prefix)
	}
	return err
}

// below puts the vault below a log, if there is one.
func (v Vault) below(log eventlog.Log, prefix string, logger *slog.Logger) (eventlog.Log, error) {
	if v.URL == "" {
		return log, nil
	}
	bucket, err := v.open()
	if err != nil {
		return nil, err
	}
	return vault.NewLog(log, bucket, prefix, logger), nil
}

// openVault adds the role. It is no part of readiness, as the archive is not.
func (p *process) openVault(ctx context.Context) error {
	bucket, err := p.config.Vault.open()
	if err != nil {
		return err
	}
	member, err := p.member(RoleVault)
	if err != nil {
		return err
	}
	vaulter, err := vault.New(ctx, vault.Options{
		Log: p.kafka, Bucket: bucket, Prefix: p.config.Prefix, Instance: member, SegmentBytes: segmentBytes, HeldBytes: heldBytes,
		SealEvery: p.config.Vault.SealEvery, Logger: p.config.Log, Metrics: vault.NewMetrics(p.metrics),
	})
	if err != nil {
		return err
	}
	p.roles = append(p.roles, role{RoleVault, func(ctx context.Context) error {
		if err := p.awaitBucket(ctx, bucket); err != nil || ctx.Err() != nil {
			return err
		}
		return vaulter.Run(ctx)
	}})
	return nil
}

// awaitBucket waits until the store answers, and refuses one that can't hold a vault.
func (p *process) awaitBucket(ctx context.Context, bucket *s3.Bucket) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := bucket.Check(ctx, p.config.Prefix)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, s3.ErrOverwrites) || errors.Is(err, s3.ErrNoLock) {
			return err
		}
		p.config.Log.Warn("the object store does not answer; the vault waits for it", "retry_in", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// startVault starts an object store of the process's own, below data, and makes the bucket. The error says why there is none.
func startVault(ctx context.Context, e Engines, data string) (*devstack.S3, Vault, error) {
	v := DefaultVault()
	binary := e.S3d
	if binary == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, v, fmt.Errorf("app: %w", err)
		}
		binary = filepath.Join(filepath.Dir(own), "s3d")
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, v, fmt.Errorf("app: the object store's program is missing, run make build: %w", err)
	}
	v.AccessKey, v.SecretKeyFile, v.SealEvery = "annal", filepath.Join(data, "vault-secret-key"), devSealEvery
	secret, err := namedID(v.SecretKeyFile)
	if err == nil {
		err = os.Chmod(v.SecretKeyFile, 0o600)
	}
	if err == nil {
		v.SecretKeyFile, err = filepath.Abs(v.SecretKeyFile)
	}
	if err == nil {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		return nil, v, fmt.Errorf("app: %w", err)
	}
	started, err := devstack.StartS3(ctx, devstack.S3Options{Dir: filepath.Join(data, "vault"), Binary: binary, AccessKey: v.AccessKey, SecretKey: secret})
	if err != nil {
		return nil, v, err
	}
	v.URL = started.URL()
	if err := v.Make(ctx, ""); err != nil {
		return nil, v, errors.Join(err, started.Stop())
	}
	return started, v, nil
}
