package apns

import (
	"crypto/ecdsa"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// renewAfter is how old a provider token gets: Apple refuses those of more than an hour, and new ones more often than every 20 minutes.
const renewAfter = 40 * time.Minute

// provider signs the tokens by which Apple knows us. Safe for use at once.
type provider struct {
	key           *ecdsa.PrivateKey
	keyID, teamID string
	now           func() time.Time

	mu    sync.Mutex
	token string
	made  time.Time
}

// get gives the token; not refused, which Apple said has expired: our clock may be behind its, and the one made now may do.
func (p *provider) get(refused string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	// A clock that was set back would keep a token for longer than it is good.
	if age := now.Sub(p.made); p.token != "" && p.token != refused && age >= 0 && age < renewAfter {
		return p.token, nil
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": p.teamID, "iat": now.Unix()})
	t.Header["kid"] = p.keyID
	token, err := t.SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("apns: signing a provider token: %w", err)
	}
	p.token, p.made = token, now
	return token, nil
}
