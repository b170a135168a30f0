package webpush

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
)

func TestConfig(t *testing.T) {
	good, other := vendor.Open(t).Config(nil), vendor.Open(t).Config(nil)
	subjects, hosts := func(all ...string) (changes []func(*Config)) {
		for _, one := range all {
			changes = append(changes, func(c *Config) { c.Subject = one })
		}
		return changes
	}, func(all ...string) (changes []func(*Config)) {
		for _, one := range all {
			changes = append(changes, func(c *Config) { c.Hosts = one })
		}
		return changes
	}
	vendor.Configs(t, good, map[error][]func(*Config){
		nil:        append(subjects("https://chat.example/about"), hosts("")...),
		ErrSubject: subjects("", "push@example.com", "mailto:mailto:push@example.com", "mailto: <push@example.com>", "http://chat.example"),
		ErrKeys:    {func(c *Config) { c.PublicKey = other.PublicKey }, func(c *Config) { c.PrivateKey = "" }, func(c *Config) { c.PrivateKey = "!" }},
		ErrHosts:   hosts("*", "*.com", "a.example,,b.example", "a.*.example", "u:p@a.example"),
	})
	if _, err := New("", good, http.DefaultClient); !errors.Is(err, ErrApp) {
		t.Error(err)
	}
}

func TestDefaultHosts(t *testing.T) {
	places, err := parsePlaces("")
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/cQ1:APA91b":              true,
		"https://fcm.googleapis.com/wp/cQ1:APA91b":                    true,
		"https://FCM.googleapis.com:443/wp/cQ1:APA91b":                true,
		"https://updates.push.services.mozilla.com/wpush/v2/gAAAA":    true,
		"https://wns2-by3p.notify.windows.com/w/?token=BQYAAA":        true,
		"https://web.push.apple.com/QGuQyavXutnMH":                    true,
		"https://fcm.googleapis.com/v1/projects/p/messages:send":      false,
		"https://fcm.googleapis.com:8443/wp/cQ1":                      false,
		"https://fcm.googleapis.com.evil.example/wp/cQ1":              false,
		"https://evil.example/fcm.googleapis.com/wp/cQ1":              false,
		"https://push.apple.com/x":                                    false,
		"https://evilpush.apple.com/x":                                false,
		"https://updates.push.services.mozilla.com/v1/x/registration": false,
		"https://127.0.0.1/wpush/v2/gAAAA":                            false,
	} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		allowed := false
		for _, p := range places {
			allowed = allowed || p.has(u)
		}
		if allowed != want {
			t.Errorf("%s: %v", endpoint, allowed)
		}
	}
}
