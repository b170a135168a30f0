package events

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
)

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// hashOf is a SHA-256 over length-prefixed parts, so that no two lists of parts
// give the same bytes.
func hashOf(parts ...string) Hash {
	b := make([]byte, 0, 256)
	for _, p := range parts {
		b = appendPart(b, p)
	}
	return sha256.Sum256(b)
}

func appendPart(b []byte, p string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(p))), p...)
}

func sessionID(prefix string, parts ...string) SessionID {
	sum := hashOf(append([]string{prefix}, parts...)...)
	return SessionID(prefix + "_" + idEncoding.EncodeToString(sum[:20]))
}

// NewDirectID is the session of two people, in either order.
func NewDirectID(a, b UserID) SessionID {
	return sessionID("d", string(min(a, b)), string(max(a, b)))
}

// NewSelfID is a user's own session.
func NewSelfID(u UserID) SessionID { return sessionID("s", string(u)) }

// NewSessionID is the session a create command opens: of the pair for direct, of
// the user for self, of creator and client id otherwise. It is empty when kind or
// members make no session.
func NewSessionID(c Create, creator UserID, clientID string) SessionID {
	switch c.Kind {
	case KindDirect:
		if len(c.Members) != 1 {
			return ""
		}
		return NewDirectID(creator, c.Members[0].User)
	case KindSelf:
		return NewSelfID(creator)
	case KindGroup:
		return sessionID("g", string(creator), clientID)
	case KindChannel:
		return sessionID("c", string(creator), clientID)
	}
	return ""
}

// NewID is the id of what comes of a command: a UUIDv7 (RFC 9562) of the log time,
// the other bits from the command's position, so that a replay gives the same.
func NewID(t Millis, cluster string, partition int32, command int64) ID {
	sum := hashOf(cluster, strconv.Itoa(int(partition)), strconv.FormatInt(command, 10))
	var id ID
	copy(id[:], sum[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
