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
	"strings"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

var (
	signer   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	stranger = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
)

func tryExport(t *testing.T, source audit.Source, r audit.Range) ([]byte, error) {
	t.Helper()
	spool, err := os.CreateTemp(t.TempDir(), "spool")
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close() //nolint:errcheck // the test's own
	var out bytes.Buffer
	_, err = audit.Export(t.Context(), source, r, signer, spool, &out)
	return out.Bytes(), err
}

func export(t *testing.T, source audit.Source, r audit.Range) []byte {
	t.Helper()
	out, err := tryExport(t, source, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forge signs records as they are: what somebody with the key can make, and what exports once did not look at.
func forge(t *testing.T, l listed, r audit.Range, key ed25519.PrivateKey) []byte {
	t.Helper()
	out, err := audit.Forge(l, r, key)
	if err != nil {
		t.Fatal(err)
	}
	return out
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
	late := audit.Range{Cluster: "test", Session: group, From: start + 3000, To: start + 7000}
	good := export(t, source(), whole)
	if again := export(t, source(), whole); !bytes.Equal(again, good) || !bytes.Equal(forge(t, source(), whole, signer), good) {
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
		"good, a part":             {export(t, source(), late), true},
		"good, records from 3 on":  {forge(t, source()[3:7], late, signer), true},
		"the first ones missing":   {forge(t, source()[3:7], audit.Range{Cluster: "test", Session: group, To: late.To}, signer), false},
		"a bit of a record":        {flip(text + 20), false},
		"a bit of the manifest":    {flip(512 + 30), false},
		"a bit of the signature":   {flip(bytes.Index(good, []byte(`"signature"`)) + 20), false},
		"a bit of a tar's header":  {flip(110), false},
		"a bit between the files":  {flip(512 + 1000), false},
		"a bit of the end":         {flip(len(good) - 1), false},
		"a record removed":         {forge(t, slices.Delete(source(), 4, 5), whole, signer), false},
		"two swapped":              {forge(t, swapped(source(), 3, 4), whole, signer), false},
		"a record altered":         {forge(t, altered(t, source(), 3), whole, signer), false},
		"cut in a record":          {good[:text+20], false},
		"cut at the end":           {good[:len(good)-512], false},
		"something behind the end": {append(bytes.Clone(good), 0), false},
		"signed by another key":    {forge(t, source(), whole, stranger), false},
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

// TestOnlyWhatHoldsIsSigned: what was done to a session where it is read is refused and named, in the range or outside it.
func TestOnlyWhatHoldsIsSigned(t *testing.T) {
	said := story(t)
	last := len(said) - 1
	told := &audit.Told{Place: eventlog.Place{Offset: int64(last)}, Hash: recordsOf(t, said)[last].Hash()}
	whole := audit.Range{Session: group, Told: told}
	upTo3 := audit.Range{Session: group, To: start + 4000}
	for name, c := range map[string]struct {
		of    audit.Range
		spoil func(listed) listed
		want  string
	}{
		"the last of the range altered, its noted hash left": {upTo3, func(l listed) listed {
			noted := l[3].Hash()
			l = altered(t, l, 3)
			l[3].Noted = &noted
			return l
		}, "altered at partition 0 offset 3"},
		"the last of the range altered":        {upTo3, func(l listed) listed { return altered(t, l, 3) }, "altered or missing at partition 0 offset 3"},
		"one far behind the range altered":     {upTo3, func(l listed) listed { return altered(t, l, 7) }, "altered or missing at partition 0 offset 7"},
		"what is behind the range in disorder": {upTo3, func(l listed) listed { return swapped(l, 7, 8) }, "moved at partition 0 offset 8"},
		"the range's last cannot be read": {upTo3, func(l listed) listed {
			l[3].Value = []byte{0xff}
			return l
		}, "altered at partition 0 offset 3"},
		"the first ones missing":                        {audit.Range{Session: group}, func(l listed) listed { return l[5:] }, "missing at partition 0 offset 5"},
		"all before the range missing":                  {audit.Range{Session: group, From: start + 5000}, func(l listed) listed { return l[5:] }, "missing at partition 0 offset 5"},
		"the last ones missing, what the log has known": {whole, func(l listed) listed { return l[:6] }, "missing at partition 0 offset 9"},
		"all missing, what the log has known":           {whole, func(listed) listed { return nil }, "missing at partition 0 offset 9"},
		"written anew from one on, what the log has known": {whole, func(listed) listed {
			said := story(t)
			said[3].Actor.User = "eve"
			return recordsOf(t, chained(t, said))
		}, "altered at partition 0 offset 9"},
		"in another partition": {audit.Range{Session: group}, func(l listed) listed {
			l[3].Partition = 1
			return l
		}, "moved at partition 1 offset 3"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := tryExport(t, c.spoil(recordsOf(t, said)), c.of)
			if !errors.Is(err, audit.ErrNotWhole) || !strings.Contains(err.Error(), c.want) || len(out) > 0 {
				t.Errorf("got %d bytes, %v, want none and %v: %s", len(out), err, audit.ErrNotWhole, c.want)
			}
		})
	}
	if got := export(t, recordsOf(t, said), whole); !bytes.Equal(got, export(t, recordsOf(t, said), audit.Range{Session: group})) {
		t.Error("what the log is known to have changed the bundle")
	}
	more := append(slices.Clone(said), said[last])
	if got := export(t, recordsOf(t, chained(t, more)), whole); !bytes.Equal(got, export(t, recordsOf(t, said), whole)) {
		t.Error("what was written behind the last that the log is known to have is in the bundle")
	}
	if _, err := tryExport(t, recordsOf(t, said), audit.Range{Session: group, From: start + 60_000}); !errors.Is(err, audit.ErrNothing) {
		t.Errorf("nothing in the range: got %v, want %v", err, audit.ErrNothing)
	}
}

// TestNothingUnseen: no byte of a bundle can be changed unseen.
func TestNothingUnseen(t *testing.T) {
	good := export(t, recordsOf(t, story(t)[:3]), audit.Range{Session: group})
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
