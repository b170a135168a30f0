// Package apns implements push.Service with Apple's push notification service: one HTTP/2 request a letter, and a token that the
// provider signs itself. What the requests and answers hold is in Apple's documentation, under
// https://developer.apple.com/documentation/usernotifications/ the pages sending-notification-requests-to-apns,
// generating-a-remote-notification, handling-notification-responses-from-apns and establishing-a-token-based-connection-to-apns.
//
// What the app finds beside aps in a notification: the note's Data, and its Link under "link". A withdrawal comes as a
// background notification that has under "withdraw" what the notifications that it takes back are identified by
// (UNNotificationRequest.identifier is the collapse id of a notification that has one), and under "badge" the number, if it changes: the
// app removes and sets them, since the system does neither in the background.
package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/projections/push"
)

// Endpoints of Apple. Tokens of devices are good at one of them: apps that Xcode put on the device are the sandbox's.
const (
	Production = "https://api.push.apple.com"
	Sandbox    = "https://api.sandbox.push.apple.com"
)

// Config is what an app has at Apple.
type Config struct {
	// Key is the authentication key, as the file that Apple gives once has it: PKCS #8 in PEM, of the curve P-256.
	Key string `yaml:"key"`
	// KeyID and TeamID are of ten characters each, as Apple's site shows them.
	KeyID  string `yaml:"key_id"`
	TeamID string `yaml:"team_id"`
	// Endpoint is where Apple is reached; empty: Production.
	Endpoint string `yaml:"endpoint"`
}

// What can be wrong with a Config.
var (
	ErrKey      = errors.New("apns: key is no private key of P-256 in PEM")
	ErrKeyID    = errors.New("apns: key_id is not of ten letters and digits")
	ErrTeamID   = errors.New("apns: team_id is not of ten letters and digits")
	ErrEndpoint = errors.New("apns: endpoint is no https URL without a path")
)

// Validate says what is wrong: one of the errors above, or several joined.
func (c Config) Validate() error {
	_, err := c.key()
	if !ofTen(c.KeyID) {
		err = errors.Join(err, ErrKeyID)
	}
	if !ofTen(c.TeamID) {
		err = errors.Join(err, ErrTeamID)
	}
	if !push.Origin(c.endpoint(), "https") {
		err = errors.Join(err, ErrEndpoint)
	}
	return err
}

func (c Config) endpoint() string {
	if c.Endpoint == "" {
		return Production
	}
	return strings.TrimSuffix(c.Endpoint, "/")
}

func (c Config) key() (*ecdsa.PrivateKey, error) {
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(c.Key))
	// What the parser says is of ASN.1 and Go, and of no use to whoever has the wrong file.
	if err != nil || key.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	return key, nil
}

func ofTen(id string) bool {
	return len(id) == 10 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == ""
}
