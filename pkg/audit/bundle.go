package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// A bundle is a tar of three files in this order; docs/audit-format.md says all of it.
const (
	recordsName   = "records.jsonl"
	manifestName  = "manifest.json"
	signatureName = "signature.json"
	// Format and FormatVersion stand in the manifest.
	Format        = "annal-audit-bundle"
	FormatVersion = 1
)

// Line is one record of a bundle; times are log time in ms since 1970.
type Line struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      int64  `json:"time_ms"`
	Type      string `json:"type"`
	Seq       string `json:"seq"`
	PrevHash  string `json:"prev_hash"`
	Hash      string `json:"hash"`
	// Decoded is for people: the bytes as Protobuf's JSON.
	Decoded json.RawMessage `json:"decoded"`
	Bytes   string          `json:"bytes"`
}

// Manifest says what a bundle holds.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Cluster string `json:"cluster"`
	Session string `json:"session"`
	// From and To are the range of log time that was asked for, To excluded; 0 is open.
	From    int64 `json:"from_ms"`
	To      int64 `json:"to_ms"`
	Records int   `json:"records"`
	// FirstPrevHash and LastHash are those of the first and the last record, empty when there is none.
	FirstPrevHash string `json:"first_prev_hash"`
	LastHash      string `json:"last_hash"`
	Files         []File `json:"files"`
}

// File is one of a bundle.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Signature is over the manifest's bytes.
type Signature struct {
	Algorithm string `json:"algorithm"`
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
	Signature string `json:"signature"`
}

// Range is what is exported of a session.
type Range struct {
	Cluster string
	Session events.SessionID
	// From and To are log time, To excluded; 0 is open.
	From, To events.Millis
	// Told is a record that the log has of the session, as the note of this very read: what is before it is held against its hash,
	// and what is behind it, which nothing vouches for, left out. nil: none is known, and the source is believed where the session ends.
	Told *Told
}

// KeyID is a public key's thumbprint (RFC 7638).
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Errors of an export.
var (
	// ErrNothing says that no record is in the range.
	ErrNothing = errors.New("audit: no record of the session is in that range")
	// ErrNotWhole says that the source does not have the session as it was written; the error around it names the first fault.
	ErrNotWhole = errors.New("AUDIT_NOT_WHOLE: the session's chain of hashes does not hold where it is read, so none of it is signed")
)

// Export writes a bundle to out; spool holds the records on the way, since a tar tells sizes first. The same records and key give the
// same bytes. A signature vouches for what was checked, so the session's chain is followed from its beginning to its end, whatever
// the range: what betrays a forged last record is the one behind it.
func Export(ctx context.Context, source Source, r Range, key ed25519.PrivateKey, spool *os.File, out io.Writer) (Manifest, error) {
	m := Manifest{Format: Format, Version: FormatVersion, Cluster: r.Cluster, Session: string(r.Session), From: int64(r.From), To: int64(r.To)}
	hash := sha256.New()
	records := io.MultiWriter(spool, hash)
	size := int64(0)
	var links []link
	err := source.Session(ctx, r.Session, func(rec *Record) error {
		if r.Told != nil && rec.Offset > r.Told.Offset {
			return nil
		}
		l := linkOf(rec)
		links = append(links, l)
		if l.unsound != "" {
			return nil // it is named when all have been read
		}
		line, err := lineOf(rec)
		if err != nil {
			return err
		}
		if line.Time < int64(r.From) || r.To > 0 && line.Time >= int64(r.To) {
			return nil
		}
		b, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		n, err := records.Write(append(b, '\n'))
		if err != nil {
			return fmt.Errorf("audit: spool: %w", err)
		}
		size += int64(n)
		if m.Records++; m.Records == 1 {
			m.FirstPrevHash = line.PrevHash
		}
		m.LastHash = line.Hash
		return nil
	})
	if err != nil {
		return m, err
	}
	if f := faultUpTo(r.Session, links, r.Told); f != nil {
		return m, fmt.Errorf("%w: %s", ErrNotWhole, f)
	}
	if m.Records == 0 {
		return m, ErrNothing
	}
	m.Files = []File{{recordsName, size, hex.EncodeToString(hash.Sum(nil))}}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return m, fmt.Errorf("audit: spool: %w", err)
	}
	return m, seal(out, m, key, io.LimitReader(spool, size))
}

// seal signs the manifest and writes all three files.
func seal(out io.Writer, m Manifest, key ed25519.PrivateKey, records io.Reader) error {
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	manifest = append(manifest, '\n')
	public := key.Public().(ed25519.PublicKey)
	signature, err := marshalSignature(Signature{
		Algorithm: "Ed25519", KeyID: KeyID(public), PublicKey: base64.StdEncoding.EncodeToString(public),
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, manifest)),
	})
	if err != nil {
		return err
	}
	return pack(out, []packed{
		{manifestName, int64(len(manifest)), bytes.NewReader(manifest)},
		{signatureName, int64(len(signature)), bytes.NewReader(signature)},
		{recordsName, m.Files[0].Size, records},
	})
}

func marshalSignature(s Signature) ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return append(b, '\n'), nil
}

// lineOf reads a record. One that this program cannot read is no evidence of anything, and an error.
func lineOf(r *Record) (Line, error) {
	o, err := events.DecodeOutcomeValue(r.Value)
	if err != nil {
		return Line{}, fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	var m logv1.Outcome
	if err := proto.Unmarshal(r.Value, &m); err != nil {
		return Line{}, fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	loose, err := protojson.Marshal(&m)
	if err != nil {
		return Line{}, fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	var decoded bytes.Buffer
	if err := json.Compact(&decoded, loose); err != nil { // its spaces are not the same in every program
		return Line{}, fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	hash := r.Hash()
	seq := events.Seq(0)
	if a, ok := o.Result.(events.Accepted); ok {
		seq = a.Seq
	}
	return Line{
		Partition: r.Partition, Offset: r.Offset, Time: int64(o.Time), Type: o.Type(), Seq: fmt.Sprint(seq), PrevHash: hex.EncodeToString(o.PrevHash[:]),
		Hash: hex.EncodeToString(hash[:]), Decoded: decoded.Bytes(), Bytes: base64.StdEncoding.EncodeToString(r.Value),
	}, nil
}
