package s3_test

import (
	"errors"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/pkg/connectors/s3"
	"annal/pkg/projections/vault"
	"annal/pkg/projections/vault/vaulttest"
)

func start(t *testing.T) *devstack.S3 {
	t.Helper()
	s, err := devstack.StartS3(t.Context(), devstack.S3Options{AccessKey: "test", SecretKey: "secret-of-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t *testing.T, s *devstack.S3, change func(*s3.Options)) *s3.Bucket {
	t.Helper()
	o := s3.Defaults()
	o.URL, o.AccessKey, o.SecretKey, o.Timeout = s.URL(), "test", "secret-of-test", 20*time.Second
	if change != nil {
		change(&o)
	}
	b, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBucketOnVersitygw(t *testing.T) {
	s := start(t)
	b := open(t, s, nil)
	for range 2 {
		if err := b.Make(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(t.Context(), "p."); err != nil {
			t.Fatal(err)
		}
	}
	vaulttest.Run(t, "suite/", func(*testing.T) vault.Bucket { return b })

	retaining := func(o *s3.Options) { o.RetainDays = 1 }
	if err := open(t, s, retaining).Check(t.Context(), ""); !errors.Is(err, s3.ErrNoLock) {
		t.Errorf("retention in a bucket without lock: %v, want %v", err, s3.ErrNoLock)
	}
	if err := open(t, s, func(o *s3.Options) { o.SecretKey = "wrong-secret" }).Put(t.Context(), "a", []byte{1}); !errors.Is(err, vault.ErrDenied) {
		t.Errorf("with a wrong secret: %v, want %v", err, vault.ErrDenied)
	}
	if err := open(t, s, func(o *s3.Options) { o.Bucket = "nowhere" }).Put(t.Context(), "a", []byte{1}); err == nil || errors.Is(err, vault.ErrExists) {
		t.Errorf("in a bucket that is not there: %v", err)
	}
	s.Kill()
	if err := b.Put(t.Context(), "b", []byte{1}); err == nil || errors.Is(err, vault.ErrExists) {
		t.Errorf("with the store away: %v", err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(t.Context(), "p."+"annal-probe", []byte{1}); !errors.Is(err, vault.ErrExists) {
		t.Errorf("after a restart: %v, want %v", err, vault.ErrExists)
	}
}

func TestValidate(t *testing.T) {
	whole := s3.Defaults()
	whole.URL, whole.AccessKey, whole.SecretKey = "https://s3:9000", "a", "b"
	for _, c := range []struct {
		what   string
		change func(*s3.Options)
		want   error
	}{
		{"whole", func(*s3.Options) {}, nil},
		{"no URL", func(o *s3.Options) { o.URL = "" }, s3.ErrURL},
		{"a path", func(o *s3.Options) { o.URL = "http://s3:1/bucket" }, s3.ErrURL},
		{"a password in it", func(o *s3.Options) { o.URL = "http://a:b@s3:1" }, s3.ErrURL},
		{"no bucket", func(o *s3.Options) { o.Bucket = "" }, s3.ErrBucket},
		{"no key", func(o *s3.Options) { o.SecretKey = "" }, s3.ErrKeys},
		{"a mode that is none", func(o *s3.Options) { o.RetainMode = "soft" }, s3.ErrRetention},
		{"too long", func(o *s3.Options) { o.RetainDays = 40_000 }, s3.ErrRetention},
	} {
		o := whole
		c.change(&o)
		if err := o.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}
