package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/prometheus/client_golang/prometheus"
)

// Cost is what one hash of a password costs whoever makes it, here or by guessing.
type Cost struct {
	// MemoryKiB is the memory, Passes the passes over it, Lanes how many are worked on at once (RFC 9106: m, t, p).
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultCost is 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet recommends for argon2id.
func DefaultCost() Cost { return Cost{MemoryKiB: 19 << 10, Passes: 2, Lanes: 1} }

// Bounds of costs: those of hashes from elsewhere too, which anybody who imports accounts may bring.
const (
	leastMemoryKiB, mostMemoryKiB = 8, 256 << 10
	mostPasses, mostLanes         = 16, 8
	// mostWork bounds memory times passes, in KiB: about a second of one processor.
	mostWork             = 1 << 20
	saltBytes, hashBytes = 16, 32
	leastSalt, mostSalt  = 8, 64
	leastHash, mostHash  = 16, 64
)

// Bounds of passwords, in bytes. Longer than MinPassword is better than rules about signs (NIST SP 800-63B).
const (
	MinPassword = 8
	MaxPassword = 1024
)

// Errors of passwords.
var (
	// ErrPassword says what a password looks like.
	ErrPassword = fmt.Errorf("accounts: a password has %d to %d bytes, UTF-8, and is not the user's name", MinPassword, MaxPassword)
	// ErrHash says what a password's hash looks like.
	ErrHash = errors.New("accounts: want a hash as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH")
	// ErrBusy says that too many passwords are being checked.
	ErrBusy = errors.New("accounts: too many passwords are being checked")
)

// Passwords hashes and checks passwords: no more at once than there is memory and time for.
type Passwords struct {
	cost  Cost
	slots chan struct{}
	// waiting bounds those who wait for a slot.
	waiting chan struct{}
	unknown string
	took    prometheus.Histogram
}

// NewPasswords hashes at a cost, so many at once; waiting may as many as take two seconds, at fifty a second each.
func NewPasswords(cost Cost, atOnce int, r prometheus.Registerer) (*Passwords, error) {
	if err := cost.check(); err != nil {
		return nil, err
	}
	p := &Passwords{
		cost: cost, slots: make(chan struct{}, max(1, atOnce)), waiting: make(chan struct{}, waitingEach*max(1, atOnce)),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_password_seconds", Help: "How long hashing one password took, without waiting for its turn.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 12),
		}),
	}
	r.MustRegister(p.took)
	p.unknown = p.hash(rand.Text())
	return p, nil
}

const waitingEach = 100

func (c Cost) check() error {
	if c.MemoryKiB < leastMemoryKiB*uint32(max(1, c.Lanes)) || c.MemoryKiB > mostMemoryKiB || c.Passes < 1 || c.Passes > mostPasses || c.MemoryKiB*c.Passes > mostWork || c.Lanes < 1 || c.Lanes > mostLanes {
		return fmt.Errorf("accounts: argon2id takes %d KiB a lane to %d KiB, 1 to %d passes, %d KiB for all passes together, 1 to %d lanes", leastMemoryKiB, mostMemoryKiB, mostPasses, mostWork, mostLanes)
	}
	return nil
}

// CheckPassword says whether somebody may have a password.
func CheckPassword(user, password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword || !utf8.ValidString(password) || strings.EqualFold(password, user) {
		return ErrPassword
	}
	return nil
}

// Hash gives a password's hash as a PHC string. Errors are ErrBusy and ctx's.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	done, err := p.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return p.hash(password), nil
}

func (p *Passwords) hash(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	return encode(p.cost, salt, p.derive([]byte(password), salt, p.cost, hashBytes))
}

func (p *Passwords) derive(password, salt []byte, c Cost, n uint32) []byte {
	began := time.Now()
	defer func() { p.took.Observe(time.Since(began).Seconds()) }()
	return argon2.IDKey(password, salt, c.Passes, c.MemoryKiB, c.Lanes, n)
}

func encode(c Cost, salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.MemoryKiB, c.Passes, c.Lanes, b64(salt), b64(hash))
}

// Check says whether a password is the one of a hash, and whether the hash is of another cost than new ones: then it is to be made anew.
// An empty hash is nobody's, and takes as long. Errors are ErrBusy, ErrHash and ctx's.
func (p *Passwords) Check(ctx context.Context, hash, password string) (ok, renew bool, err error) {
	known := hash != ""
	if !known {
		hash = p.unknown
	}
	cost, salt, want, err := decode(hash)
	if err != nil {
		return false, false, err
	}
	done, err := p.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	// Longer ones were never set, and cost whoever checks them.
	fits := len(password) <= MaxPassword
	if !fits {
		password = ""
	}
	same := subtle.ConstantTimeCompare(p.derive([]byte(password), salt, cost, uint32(len(want))), want) == 1
	return known && fits && same, cost != p.cost, nil
}

// CheckHash says whether Check can do with a hash.
func CheckHash(hash string) error {
	_, _, _, err := decode(hash)
	return err
}

func decode(text string) (c Cost, salt, hash []byte, err error) {
	parts := strings.Split(text, "$")
	var version int
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return c, nil, nil, ErrHash
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return c, nil, nil, ErrHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil || c.check() != nil {
		return c, nil, nil, ErrHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < leastSalt || len(salt) > mostSalt || len(hash) < leastHash || len(hash) > mostHash || encode(c, salt, hash) != text {
		return c, nil, nil, ErrHash
	}
	return c, salt, hash, nil
}

// turn waits until a password may be hashed.
func (p *Passwords) turn(ctx context.Context) (done func(), err error) {
	select {
	case p.waiting <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	defer func() { <-p.waiting }()
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
