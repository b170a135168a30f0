package huawei

import (
	"errors"
	"net/url"
	"regexp"

	"annal/pkg/projections/push"
)

// Where Huawei's services are.
const (
	DefaultEndpoint      = "https://push-api.cloud.huawei.com"
	DefaultTokenEndpoint = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
)

// Config is an app in AppGallery Connect, under Project settings.
type Config struct {
	// AppID and AppSecret are Client ID and Client secret of the app's OAuth 2.0 client.
	AppID     string `yaml:"app_id"`
	AppSecret string `yaml:"app_secret"`
	// BadgeClass is the full name of the activity that the launcher starts; without it, notes leave the number at the icon alone.
	BadgeClass string `yaml:"badge_class"`
	// Endpoint is the scheme and host of Push Kit, TokenEndpoint the URL of where access tokens come from; both have defaults.
	Endpoint      string `yaml:"endpoint"`
	TokenEndpoint string `yaml:"token_endpoint"`
}

// Errors of Validate and New.
var (
	ErrApp      = errors.New("huawei: the package is missing")
	ErrAppID    = errors.New("huawei: app_id is a number of 1 to 64 digits")
	ErrSecret   = errors.New("huawei: app_secret is missing")
	ErrEndpoint = errors.New("huawei: endpoint is https://HOST alone, token_endpoint https://HOST/PATH")
)

// appIDs are as https://developer.huawei.com/consumer/en/doc/doccenter-references/api/account-server-error-code/ has them (20002).
var appIDs = regexp.MustCompile(`^[0-9]{1,64}$`)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	c = c.withDefaults()
	token, err := url.Parse(c.TokenEndpoint)
	switch {
	case !appIDs.MatchString(c.AppID):
		return ErrAppID
	case c.AppSecret == "":
		return ErrSecret
	case !push.Origin(c.Endpoint, "https"), err != nil || token.Scheme != "https" || token.Host == "" || token.User != nil || token.RawQuery != "":
		return ErrEndpoint
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = DefaultEndpoint
	}
	if c.TokenEndpoint == "" {
		c.TokenEndpoint = DefaultTokenEndpoint
	}
	return c
}
