package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"annal/pkg/events"
)

// ErrBad says that a bundle is not what was exported; the error around it says what is wrong.
var ErrBad = errors.New("audit: the bundle does not hold")

// Limits of what is read of a bundle.
const (
	maxSmallFile = 1 << 20
	// maxLine holds the largest outcome in base64 and once more in JSON, where a byte can take six.
	maxLine = 8 << 20
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBad, fmt.Sprintf(format, args...))
}

// Check verifies a bundle: the signature, by one of the trusted keys or, without any, by the key that it names itself; the files by
// their hashes; each record by its own bytes; and the chain through all of them. The first thing wrong is an ErrBad.
func Check(in io.Reader, trusted []ed25519.PublicKey) (Manifest, Signature, error) {
	var m Manifest
	var s Signature
	r := &untar{in: in}
	manifest, err := small(r, manifestName)
	if err != nil {
		return m, s, err
	}
	signature, err := small(r, signatureName)
	if err != nil {
		return m, s, err
	}
	if err := strict(signature, &s); err != nil {
		return m, s, bad("%s: %v", signatureName, err)
	}
	if want, err := marshalSignature(s); err != nil || !bytes.Equal(want, signature) {
		return m, s, bad("%s is not written as it must be", signatureName)
	}
	if err := signed(manifest, &s, trusted); err != nil {
		return m, s, err
	}
	if err := strict(manifest, &m); err != nil {
		return m, s, bad("%s: %v", manifestName, err)
	}
	if m.Format != Format || m.Version != FormatVersion {
		return m, s, bad("its form is %q version %d, want %q version %d", m.Format, m.Version, Format, FormatVersion)
	}
	if len(m.Files) != 1 || m.Files[0].Name != recordsName {
		return m, s, bad("the manifest names other files than %s", recordsName)
	}
	return m, s, records(r, &m)
}

func small(u *untar, name string) ([]byte, error) {
	size, err := u.next(name)
	if err != nil {
		return nil, err
	}
	if size > maxSmallFile {
		return nil, bad("%s has %d bytes, at most %d may be", name, size, maxSmallFile)
	}
	b, err := io.ReadAll(u)
	if err != nil {
		return nil, bad("%s: %v", name, err)
	}
	return b, nil
}

func strict(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

func signed(manifest []byte, s *Signature, trusted []ed25519.PublicKey) error {
	b64 := base64.StdEncoding.Strict()
	public, err := b64.DecodeString(s.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize || s.Algorithm != "Ed25519" || s.KeyID != KeyID(public) {
		return bad("the signature is not Ed25519, or its key is none")
	}
	ours := func(k ed25519.PublicKey) bool { return k.Equal(ed25519.PublicKey(public)) }
	if len(trusted) > 0 && !slices.ContainsFunc(trusted, ours) {
		return bad("it is signed by the key %s, which is not the one given", s.KeyID)
	}
	signature, err := b64.DecodeString(s.Signature)
	if err != nil || !ed25519.Verify(public, manifest, signature) {
		return bad("the signature is not of this manifest by the key %s", s.KeyID)
	}
	return nil
}

// records checks the lines, then that they are those that were signed: so that what is wrong is named as closely as can be.
func records(r *untar, m *Manifest) error {
	if _, err := r.next(recordsName); err != nil {
		return err
	}
	hash := sha256.New()
	lines := bufio.NewReaderSize(io.TeeReader(r, hash), 64<<10)
	var last *link
	n, size := 0, int64(0)
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		n++
		if err != nil {
			return bad("line %d: %v", n, err)
		}
		size += int64(len(line))
		l, err := checkLine(line, m)
		if err != nil {
			return bad("line %d: %v", n, err)
		}
		if err := inChain(&l, last, m); err != nil {
			return bad("line %d (partition %d offset %d): %v", n, l.partition, l.offset, err)
		}
		last = &l
	}
	switch {
	case n != m.Records:
		return bad("it has %d records, the manifest says %d", n, m.Records)
	case last != nil && hex.EncodeToString(last.hash[:]) != m.LastHash:
		return bad("the last record is not the one that the manifest names")
	case size != m.Files[0].Size || hex.EncodeToString(hash.Sum(nil)) != m.Files[0].SHA256:
		return bad("%s is not the file that was signed", recordsName)
	}
	return r.end()
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errors.New("it is cut")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("it has more than %d bytes", maxLine)
		}
	}
}

// checkLine holds what a line says against its bytes. What is decoded is for people: how Protobuf's JSON looks may change.
func checkLine(b []byte, m *Manifest) (link, error) {
	var line Line
	if err := strict(b, &line); err != nil {
		return link{}, err
	}
	value, err := base64.StdEncoding.DecodeString(line.Bytes)
	if err != nil {
		return link{}, errors.New("bytes are no base64")
	}
	rec := Record{Partition: line.Partition, Offset: line.Offset, Session: events.SessionID(m.Session), Value: value}
	l := linkOf(&rec)
	if l.unsound != "" {
		return l, errors.New(l.unsound)
	}
	want, err := lineOf(&rec)
	if err != nil {
		return l, err
	}
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"hash", line.Hash, want.Hash}, {"prev_hash", line.PrevHash, want.PrevHash}, {"time_ms", line.Time, want.Time}, {"type", line.Type, want.Type},
		{"seq", line.Seq, want.Seq},
	} {
		if f.got != f.want {
			return l, fmt.Errorf("%s is %v, its bytes say %v", f.name, f.got, f.want)
		}
	}
	if line.Time < m.From || m.To > 0 && line.Time >= m.To {
		return l, errors.New("its time is outside the range")
	}
	return l, nil
}

func inChain(l, last *link, m *Manifest) error {
	switch {
	case last == nil && hex.EncodeToString(l.prev[:]) != m.FirstPrevHash:
		return errors.New("it is not the first record that the manifest names")
	case last == nil && m.From <= 0 && !l.follows(nil):
		return errors.New("the range begins with the session, but it follows another record: the session's beginning is missing")
	case last == nil:
		return nil
	case !l.behind(last):
		return errors.New("it does not stand behind the one before it in the log")
	case !l.follows(last):
		return errors.New("it does not follow the record before it: one is missing, moved or altered")
	}
	return nil
}
