// Package s3 keeps the vault's objects (vault.Bucket) in any S3, with minio-go.
package s3

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"annal/pkg/projections/vault"
)

// Modes of retention.
const (
	Governance = "governance"
	Compliance = "compliance"
)

// Options say where the bucket is and within what bounds it is used.
type Options struct {
	// URL is http://host:port or https://host:port; Bucket is addressed by path.
	URL, Bucket, Region  string
	AccessKey, SecretKey string
	// CA is PEM of the authorities that the server's certificate is checked with; empty: the system's.
	CA []byte
	// RetainDays locks each object for so many days in RetainMode; 0: the bucket's own default.
	RetainDays int
	RetainMode string
	// Timeout bounds one call, its retries included.
	Timeout time.Duration
	// Tries is how often a request is sent at most.
	Tries int
	Now   func() time.Time
}

// Defaults are what is not a deployment's own.
func Defaults() Options {
	return Options{Bucket: "annal", Region: "us-east-1", RetainMode: Governance, Timeout: time.Minute, Tries: 3, Now: time.Now}
}

// Errors of Validate and Check.
var (
	ErrURL       = errors.New("s3: want http://host:port or https://host:port alone")
	ErrBucket    = errors.New("s3: the bucket is missing")
	ErrKeys      = errors.New("s3: the access key or the secret key is missing")
	ErrCA        = errors.New("s3: no certificate in the file of authorities")
	ErrRetention = errors.New("s3: retention is 0 to 36500 days, " + Governance + " or " + Compliance)
	// ErrOverwrites: the store does not know If-None-Match, so two vaulters could tear each other's segments.
	ErrOverwrites = errors.New("s3: the store overwrites objects in spite of If-None-Match: *; it can't hold a vault")
	// ErrNoLock: retention was asked for, and the bucket was made without object lock.
	ErrNoLock = errors.New("s3: the bucket has no object lock; make one with it, or ask for no retention")
)

// Validate refuses what can't work. Errors repeat no secret.
func (o Options) Validate() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return ErrURL
	case o.Bucket == "":
		return ErrBucket
	case o.AccessKey == "" || o.SecretKey == "":
		return ErrKeys
	case o.RetainDays < 0 || o.RetainDays > 36_500 || o.RetainMode != Governance && o.RetainMode != Compliance:
		return ErrRetention
	}
	return nil
}

// Bucket is a vault.Bucket in S3.
type Bucket struct {
	opts   Options
	client *minio.Client
}

var _ vault.Bucket = (*Bucket)(nil)

// Open makes a client; nothing is asked yet.
func Open(o Options) (*Bucket, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	u, _ := url.Parse(o.URL) // Validate has
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.ResponseHeaderTimeout = 30 * time.Second
	if len(o.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, ErrCA
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: u.Scheme == "https", Region: o.Region, Transport: transport,
		BucketLookup: minio.BucketLookupPath, MaxRetries: o.Tries,
	})
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	return &Bucket{opts: o, client: client}, nil
}

// Make makes the bucket unless it is there, with object lock when lock is set.
func (b *Bucket) Make(ctx context.Context, lock bool) error {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	err := b.client.MakeBucket(ctx, b.opts.Bucket, minio.MakeBucketOptions{Region: b.opts.Region, ObjectLocking: lock})
	if code := minio.ToErrorResponse(err).Code; code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists" {
		return nil
	}
	return mapped("make bucket "+b.opts.Bucket, err)
}

// probe is an object that every start tries to make anew.
const probe = "annal-probe"

// Check says whether the store can hold a vault: it must refuse to put over an object, and lock objects if that is asked for.
func (b *Bucket) Check(ctx context.Context, prefix string) error {
	if b.opts.RetainDays > 0 {
		locking, cancel := context.WithTimeout(ctx, b.opts.Timeout)
		defer cancel()
		enabled, _, _, _, err := b.client.GetObjectLockConfig(locking, b.opts.Bucket)
		code := minio.ToErrorResponse(err).Code
		switch {
		case code == "ObjectLockConfigurationNotFoundError" || code == "NotImplemented" || err == nil && enabled != "Enabled":
			return ErrNoLock
		case err != nil:
			return mapped("object lock of "+b.opts.Bucket, err)
		}
	}
	for range 2 {
		err := b.Put(ctx, prefix+probe, []byte("annal\n"))
		if errors.Is(err, vault.ErrExists) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ErrOverwrites
}

// Put implements vault.Bucket.
func (b *Bucket) Put(ctx context.Context, name string, content []byte) error {
	if len(content) > vault.MaxObjectBytes {
		return fmt.Errorf("s3: %s has %d bytes, limit %d", name, len(content), vault.MaxObjectBytes)
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	o := minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true, ContentType: "application/octet-stream"}
	o.SetMatchETagExcept("*")
	if b.opts.RetainDays > 0 {
		o.Mode = minio.Governance
		if b.opts.RetainMode == Compliance {
			o.Mode = minio.Compliance
		}
		o.RetainUntilDate = b.opts.Now().UTC().AddDate(0, 0, b.opts.RetainDays)
	}
	_, err := b.client.PutObject(ctx, b.opts.Bucket, name, bytes.NewReader(content), int64(len(content)), o)
	err = mapped("put "+name, err)
	if errors.Is(err, vault.ErrDenied) {
		// Some stores look at the lock of what is there before they look at the condition.
		if _, there := b.client.StatObject(ctx, b.opts.Bucket, name, minio.StatObjectOptions{}); there == nil {
			return fmt.Errorf("s3: put %s: %w", name, vault.ErrExists)
		}
	}
	return err
}

// Get implements vault.Bucket.
func (b *Bucket) Get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	var o minio.GetObjectOptions
	limit := int64(vault.MaxObjectBytes)
	switch {
	case length == 0:
		return nil, nil
	case length > 0:
		limit = length
		if err := o.SetRange(offset, offset+length-1); err != nil {
			return nil, fmt.Errorf("s3: get %s: %w", name, err)
		}
	case offset > 0:
		if err := o.SetRange(offset, 0); err != nil {
			return nil, fmt.Errorf("s3: get %s: %w", name, err)
		}
	}
	body, _, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.opts.Bucket, name, o)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil, nil // the object ends before it
	}
	if err != nil {
		return nil, mapped("get "+name, err)
	}
	defer body.Close() // read to its end, or given up
	content, err := io.ReadAll(io.LimitReader(body, limit))
	if err != nil {
		return nil, mapped("get "+name, err)
	}
	return content, nil
}

// List implements vault.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, after string, each func(vault.Object) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the listing when each does
	defer cancel()
	for o := range b.client.ListObjects(ctx, b.opts.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after}) {
		if o.Err != nil {
			return mapped("list "+prefix, o.Err)
		}
		if err := each(vault.Object{Name: o.Key, Bytes: o.Size}); err != nil {
			return err
		}
	}
	return mapped("list "+prefix, ctx.Err())
}

// mapped gives the port's errors for the store's.
func mapped(what string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchKey":
		return fmt.Errorf("s3: %s: %w", what, vault.ErrNoObject)
	case r.Code == "NoSuchBucket":
		return fmt.Errorf("s3: %s: %w: %w", what, vault.ErrNoBucket, err)
	case r.StatusCode == http.StatusPreconditionFailed || r.Code == "PreconditionFailed":
		return fmt.Errorf("s3: %s: %w", what, vault.ErrExists)
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("s3: %s: %w: %w", what, vault.ErrDenied, err)
	}
	return fmt.Errorf("s3: %s: %w", what, err)
}
