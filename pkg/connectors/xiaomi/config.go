package xiaomi

import (
	"errors"
	"strings"

	"annal/pkg/projections/push"
)

// DefaultEndpoint is Mi Push in mainland China; elsewhere there are others, by region (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1696).
const DefaultEndpoint = "https://api.xmpush.xiaomi.com"

// Config is an app at Mi Push.
type Config struct {
	// AppSecret is the app's AppSecret.
	AppSecret string `yaml:"app_secret"`
	// ChannelID is the channel that notes are of, CallChannelID that of calls if they have their own. Mi Push takes messages of few people a day without one,
	// or none.
	ChannelID     string `yaml:"channel_id"`
	CallChannelID string `yaml:"call_channel_id"`
	// TemplateID is the template of a private channel, which since 2026 has to have one (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=2314), CallTemplateID
	// that of CallChannelID. TitleKeyword and BodyKeyword are what the variables for a note's title and body are called in both; each may be empty.
	TemplateID     string `yaml:"template_id"`
	CallTemplateID string `yaml:"call_template_id"`
	TitleKeyword   string `yaml:"title_keyword"`
	BodyKeyword    string `yaml:"body_keyword"`
	// Endpoint is scheme and host; DefaultEndpoint if empty.
	Endpoint string `yaml:"endpoint"`
}

// Errors of Validate and New.
var (
	ErrApp      = errors.New("xiaomi: the package is missing")
	ErrSecret   = errors.New("xiaomi: app_secret is missing")
	ErrTemplate = errors.New("xiaomi: a template is of a channel: template_id needs channel_id, and call_template_id call_channel_id")
	ErrEndpoint = errors.New("xiaomi: endpoint is https://HOST alone")
)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	switch {
	case c.AppSecret == "" || strings.ContainsAny(c.AppSecret, " \r\n"):
		return ErrSecret
	case c.TemplateID != "" && c.ChannelID == "", c.CallTemplateID != "" && c.CallChannelID == "":
		return ErrTemplate
	case !push.Origin(c.withDefaults().Endpoint, "https"):
		return ErrEndpoint
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = DefaultEndpoint
	}
	return c
}
