package auth

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRotate(t *testing.T) {
	first := newTestKey(t)
	content, err := MarshalKey(first)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := ParseRing(content)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := ring.Rotate(noon, time.Minute, time.Hour, rand.Reader)
	if err != nil || len(rotated) != 2 {
		t.Fatal(rotated, err)
	}
	if content, err = rotated.Marshal(); err != nil {
		t.Fatal(err)
	}
	if rotated, err = ParseRing(content); err != nil {
		t.Fatal(err)
	}
	next := rotated[1].ID
	for _, at := range []struct {
		after  time.Duration
		signer string
		old    bool
	}{{0, first.ID, true}, {59 * time.Second, first.ID, true}, {time.Minute, next, true}, {time.Hour, next, true}, {61 * time.Minute, next, false}} {
		now := noon.Add(at.after)
		signer, err := rotated.Signer(now)
		if err != nil || signer.ID != at.signer {
			t.Errorf("after %v: signed with %s, %v", at.after, signer.ID, err)
		}
		if _, good := rotated.Find(first.ID, now); good != at.old {
			t.Errorf("after %v: the old key is good: %v", at.after, good)
		}
		if _, good := rotated.Find(next, now); !good {
			t.Errorf("after %v: the new key is not good", at.after)
		}
		if _, there := rotated.Public(now)[first.ID]; there != at.old {
			t.Errorf("after %v: the old key is published: %v", at.after, there)
		}
	}
	third, err := rotated.Rotate(noon.Add(2*time.Hour), time.Minute, time.Hour, rand.Reader)
	if err != nil || len(third) != 2 || third[0].ID != next {
		t.Errorf("a key whose time is over is kept: %v, %v", third, err)
	}
	if _, err := rotated.WithoutPrivate().Signer(noon); err == nil {
		t.Error("signed without a private key")
	}
	if rotated[0].Private == nil {
		t.Error("the ring itself lost its private keys")
	}
}

func TestRingsThatAreNone(t *testing.T) {
	a, b := newTestKey(t), newTestKey(t)
	of := func(k Key) []byte {
		content, err := MarshalKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	d := func(content []byte) []byte {
		i := bytes.Index(content, []byte(`"d": "`)) + len(`"d": "`)
		return content[i : i+43]
	}
	for name, content := range map[string][]byte{
		"nothing": nil, "no keys": []byte(`{"keys":[]}`), "a private part of another": bytes.Replace(of(a), d(of(a)), d(of(b)), 1),
		"a short private part": bytes.Replace(of(a), d(of(a)), []byte("AAAA"), 1), "RSA": []byte(`{"keys":[{"kty":"RSA"}]}`),
	} {
		if _, err := ParseRing(content); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	now := noon
	write := func(r Ring) {
		t.Helper()
		content, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := Ring{}.Rotate(now, 0, time.Hour, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write(ring)
	f, err := OpenFile(path, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := ring.Rotate(now, 0, time.Hour, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write(rotated)
	if _, good := f.Find(rotated[1].ID); good {
		t.Error("the file is looked at all the time")
	}
	now = now.Add(2 * time.Second)
	if _, good := f.Find(rotated[1].ID); !good {
		t.Error("a new key is not found")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	if _, good := f.Find(rotated[1].ID); !good {
		t.Error("a file that can't be read took the keys away")
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none"), func() time.Time { return now }, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is not there was opened")
	}
}
