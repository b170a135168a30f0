package s3_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

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
	nowhere := open(t, s, func(o *s3.Options) { o.Bucket = "nowhere" })
	_, getting := nowhere.Get(t.Context(), "a", 0, -1)
	listing := nowhere.List(t.Context(), "a", "", func(vault.Object) error { return nil })
	for what, err := range map[string]error{"put": nowhere.Put(t.Context(), "a", []byte{1}), "get": getting, "list": listing} {
		if !errors.Is(err, vault.ErrNoBucket) {
			t.Errorf("%s in a bucket that is not there: %v, want %v", what, err, vault.ErrNoBucket)
		}
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

// TestRetention: what is stored in a bucket with object lock can be neither removed nor put over before its time, and the store says
// until when.
func TestRetention(t *testing.T) {
	s := start(t)
	now := time.Now()
	for _, mode := range []string{s3.Governance, s3.Compliance} {
		b := open(t, s, func(o *s3.Options) {
			o.Bucket, o.RetainDays, o.RetainMode, o.Now = "locked-"+mode, 3, mode, func() time.Time { return now }
		})
		if err := b.Make(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if err := b.Put(t.Context(), "segment", []byte("kept")); err != nil {
			t.Fatal(err)
		}
		if err := b.Put(t.Context(), "segment", []byte("other")); !errors.Is(err, vault.ErrExists) {
			t.Errorf("%s: putting over it: %v, want %v", mode, err, vault.ErrExists)
		}
		admin, err := minio.New(strings.TrimPrefix(s.URL(), "http://"), &minio.Options{Creds: credentials.NewStaticV4("test", "secret-of-test", ""), BucketLookup: minio.BucketLookupPath})
		if err != nil {
			t.Fatal(err)
		}
		// versitygw answers GetObjectRetention with an element that minio-go does not know.
		is, err := admin.StatObject(t.Context(), "locked-"+mode, "segment", minio.StatObjectOptions{})
		until, _ := time.Parse(time.RFC3339, is.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if !strings.EqualFold(is.Metadata.Get("X-Amz-Object-Lock-Mode"), mode) || until.Unix() != now.AddDate(0, 0, 3).Unix() {
			t.Errorf("%s: it is locked by %v, %v", mode, is.Metadata, err)
		}
		if err := admin.RemoveObject(t.Context(), "locked-"+mode, "segment", minio.RemoveObjectOptions{}); err == nil {
			t.Errorf("%s: it could be removed", mode)
		}
		if content, err := b.Get(t.Context(), "segment", 0, -1); err != nil || string(content) != "kept" {
			t.Errorf("%s: it says %q, %v", mode, content, err)
		}
	}
}

// TestTLS: a server is believed that the given authorities vouch for, and no other.
func TestTLS(t *testing.T) {
	s := start(t)
	behind, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // which is signed
	}})
	t.Cleanup(front.Close)
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are to fail
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	b := open(t, s, func(o *s3.Options) { o.URL, o.CA = front.URL, ca })
	if err := b.Make(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context(), ""); err != nil {
		t.Error(err)
	}
	unknown := open(t, s, func(o *s3.Options) { o.URL, o.Tries = front.URL, 1 })
	if err := unknown.Check(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
	o := s3.Defaults()
	o.URL, o.AccessKey, o.SecretKey, o.CA = front.URL, "a", "b", []byte("no certificate")
	if _, err := s3.Open(o); !errors.Is(err, s3.ErrCA) {
		t.Errorf("with no certificate in the file: %v, want %v", err, s3.ErrCA)
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
