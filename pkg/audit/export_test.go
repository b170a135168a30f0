package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Forge makes a bundle of records as they are, all of them, and signs it.
func Forge(all []Record, r Range, key ed25519.PrivateKey) ([]byte, error) {
	m := Manifest{Format: Format, Version: FormatVersion, Cluster: r.Cluster, Session: string(r.Session), From: int64(r.From), To: int64(r.To)}
	var lines, out bytes.Buffer
	for i := range all {
		line, err := lineOf(&all[i])
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(line)
		if err != nil {
			return nil, err
		}
		lines.Write(append(b, '\n'))
		if m.Records++; m.Records == 1 {
			m.FirstPrevHash = line.PrevHash
		}
		m.LastHash = line.Hash
	}
	sum := sha256.Sum256(lines.Bytes())
	m.Files = []File{{recordsName, int64(lines.Len()), hex.EncodeToString(sum[:])}}
	err := seal(&out, m, key, &lines)
	return out.Bytes(), err
}
