package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/events"
)

var (
	signer   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	stranger = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
)

func export(t *testing.T, source audit.Source, r audit.Range, key ed25519.PrivateKey) []byte {
	t.Helper()
	spool, err := os.CreateTemp(t.TempDir(), "spool")
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close() //nolint:errcheck // the test's own
	var out bytes.Buffer
	if _, err := audit.Export(t.Context(), source, r, key, spool, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// python runs the checker that was written from docs/audit-format.md alone.
func python(t *testing.T, bundle []byte, key ed25519.PublicKey) (good bool, said string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.tar")
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "python3", "testdata/check.py", path, base64.StdEncoding.EncodeToString(key)).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("python3: %v: %s", err, out)
	}
	return err == nil, string(out)
}

// TestBundles: a good bundle is accepted by both checkers, and every bad one refused.
func TestBundles(t *testing.T) {
	trusted := signer.Public().(ed25519.PublicKey)
	whole := audit.Range{Cluster: "test", Session: group}
	source := func() listed { return recordsOf(t, story(t)) }
	good := export(t, source(), whole, signer)
	if again := export(t, source(), whole, signer); !bytes.Equal(again, good) {
		t.Error("the same records gave other bytes")
	}
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	text := bytes.Index(good, []byte(base64.StdEncoding.EncodeToString(source()[3].Value)))
	for name, c := range map[string]struct {
		bundle []byte
		good   bool
	}{
		"good":                     {good, true},
		"good, a part":             {export(t, source(), audit.Range{Cluster: "test", Session: group, From: start + 3000, To: start + 7000}, signer), true},
		"a bit of a record":        {flip(text + 20), false},
		"a bit of the manifest":    {flip(512 + 30), false},
		"a bit of the signature":   {flip(bytes.Index(good, []byte(`"signature"`)) + 20), false},
		"a bit of a tar's header":  {flip(110), false},
		"a bit between the files":  {flip(512 + 1000), false},
		"a bit of the end":         {flip(len(good) - 1), false},
		"a record removed":         {export(t, slices.Delete(source(), 4, 5), whole, signer), false},
		"two swapped":              {export(t, swapped(source(), 3, 4), whole, signer), false},
		"a record altered":         {export(t, altered(t, source(), 3), whole, signer), false},
		"cut in a record":          {good[:text+20], false},
		"cut at the end":           {good[:len(good)-512], false},
		"something behind the end": {append(bytes.Clone(good), 0), false},
		"signed by another key":    {export(t, source(), whole, stranger), false},
		"no bundle at all":         {[]byte("hello"), false},
		"empty":                    {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := audit.Check(bytes.NewReader(c.bundle), []ed25519.PublicKey{trusted})
			if c.good != (err == nil) || err != nil && !errors.Is(err, audit.ErrBad) {
				t.Errorf("audit.Check: got %v, want good: %t", err, c.good)
			}
			t.Log(err)
			if accepted, said := python(t, c.bundle, trusted); accepted != c.good {
				t.Errorf("check.py: got %q, want good: %t", said, c.good)
			}
		})
	}
}

// TestNothingUnseen: no byte of a bundle can be changed unseen.
func TestNothingUnseen(t *testing.T) {
	good := export(t, recordsOf(t, story(t)[:3]), audit.Range{Session: group}, signer)
	for i := range good {
		bit := byte(1) << (i % 8)
		good[i] ^= bit
		if _, _, err := audit.Check(bytes.NewReader(good), nil); err == nil {
			t.Errorf("a bit of byte %d was changed, and the bundle accepted", i)
		}
		good[i] ^= bit
	}
}

func swapped(l listed, i, j int) listed {
	l[i], l[j] = l[j], l[i]
	return l
}

func altered(t *testing.T, l listed, i int) listed {
	t.Helper()
	o, err := events.DecodeOutcomeValue(l[i].Value)
	if err != nil {
		t.Fatal(err)
	}
	o.Actor.User = "eve"
	l[i].Value = encode(t, o, events.Stamp{}).Value
	return l
}
