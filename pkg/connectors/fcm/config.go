// Package fcm implements push.Service with Firebase Cloud Messaging's HTTP v1 API: one request a letter, with an access token that a
// service account is given for a signed JWT. What requests and answers hold is at
// https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and https://firebase.google.com/docs/cloud-messaging/error-codes, the token at
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
//
// A note that is shown comes as a notification that the system shows even if the app does not run: its Collapse is the tag, so that the next one
// of the same session takes its place, and its Kind the channel; an app that made no channel of that name gets it in the one of its
// manifest. In the data are the note's Data, its Link under "link" and its Thread under "thread". A withdrawal is data alone: under "withdraw"
// is the tag of what the app is to remove, under "badge" the number. Android has no number at an icon without a notification there, so badges are
// not sent alone.
package fcm

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/projections/push"
)

// Where Google is reached, if nothing else is said.
const (
	Production = "https://fcm.googleapis.com"
	tokenURL   = "https://oauth2.googleapis.com/token"
)

// Config is what an app has at Google.
type Config struct {
	// Credentials is the key of a service account of the app's project, the JSON file that Google's console gives once.
	Credentials string `yaml:"credentials"`
	// Endpoint is where messages go; empty: Production.
	Endpoint string `yaml:"endpoint"`
	// TokenEndpoint is where access tokens come from; empty: where Credentials say.
	TokenEndpoint string `yaml:"token_endpoint"`
}

// What can be wrong with a Config.
var (
	ErrCredentials   = errors.New("fcm: credentials are no service account's key in JSON")
	ErrKey           = errors.New("fcm: the private_key of credentials is no RSA key in PEM")
	ErrEndpoint      = errors.New("fcm: endpoint is no https URL without a path")
	ErrTokenEndpoint = errors.New("fcm: token_endpoint, or token_uri of credentials, is no https URL")
)

// account is what is used of the file that Google gives
// (https://developers.google.com/identity/protocols/oauth2/service-account#creatinganaccount).
type account struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	TokenURI     string `json:"token_uri"`
}

// Validate says what is wrong: one of the errors above, or several joined.
func (c Config) Validate() error {
	a, _, err := c.account()
	if !push.Origin(c.endpoint(), "https") {
		err = errors.Join(err, ErrEndpoint)
	}
	if u, bad := url.Parse(c.tokenEndpoint(a)); bad != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		err = errors.Join(err, ErrTokenEndpoint)
	}
	return err
}

func (c Config) endpoint() string {
	if c.Endpoint == "" {
		return Production
	}
	return strings.TrimSuffix(c.Endpoint, "/")
}

func (c Config) tokenEndpoint(a account) string {
	if c.TokenEndpoint == "" {
		return a.TokenURI
	}
	return c.TokenEndpoint
}

func (c Config) account() (account, *rsa.PrivateKey, error) {
	a := account{TokenURI: tokenURL}
	// What the parsers say is of Go's types, and of no use to whoever has the wrong file.
	if json.Unmarshal([]byte(c.Credentials), &a) != nil {
		return a, nil, ErrCredentials
	}
	if a.Type != "service_account" || a.ProjectID == "" || a.ClientEmail == "" {
		return a, nil, ErrCredentials
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(a.PrivateKey))
	if err != nil {
		return a, nil, ErrKey
	}
	return a, key, nil
}
