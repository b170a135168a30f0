package huawei

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

func TestCompose(t *testing.T) {
	r := vendor.Open(t)
	for _, c := range []struct {
		name   string
		change func(*push.Note)
		left   time.Duration
		want   string
	}{
		{"a message", func(*push.Note) {}, time.Minute, `"category":"IM","ttl":"60s"`},
		{"a call", func(n *push.Note) { n.Kind = push.Call }, 30 * time.Second, `"category":"VOIP","ttl":"30s"`},
		{"nearly over", func(*push.Note) {}, time.Millisecond, `"ttl":"1s"`},
		{"for very long", func(*push.Note) {}, 1000 * time.Hour, `"ttl":"1296000s"`},
		{"no characters of HTML are written otherwise", func(*push.Note) {}, time.Minute, `"body":"Hello <b>&</b>","tag":"c-1_A"`},
		{"a link", func(*push.Note) {}, time.Minute, `"click_action":{"type":1,"intent":"intent://chat.example/s/g-1?seq=7#Intent;scheme=https;package=example.chat;launchFlags=0x4000000;end"}`},
		{"a link of the app's own", func(n *push.Note) { n.Link = "chat:g-1#7" }, time.Minute, `"intent":"intent:g-1#7#Intent;scheme=chat;`},
		{"no link", func(n *push.Note) { n.Link = "" }, time.Minute, `"click_action":{"type":3}`},
		{"a badge", func(*push.Note) {}, time.Minute, `"badge":{"class":"example.chat.MainActivity","set_num":3}`},
		{"no unread", func(n *push.Note) { n.Badge = 0 }, time.Minute, `"set_num":0}`},
		{"a large badge", func(n *push.Note) { n.Badge = 1000 }, time.Minute, `"set_num":99}`},
		{"no badge", func(n *push.Note) { n.Badge = -1 }, time.Minute, `"type":1,"intent":"intent://chat.example/s/g-1?seq=7#Intent;scheme=https;package=example.chat;launchFlags=0x4000000;end"}}}`},
	} {
		n := pushtest.Note()
		c.change(&n)
		composed, ok := r.Service.compose(&n, c.left)
		if got := string(written(composed)); !ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	n := pushtest.Note()
	without, ok := r.Serve(map[string]string{"badge_class": ""}).compose(&n, time.Minute)
	if !ok || without.Message.Android.Notification.Badge != nil {
		t.Errorf("%+v", without)
	}
}

// TestLimit: what is as long as it can be is taken, and is 4096 bytes but for the last character.
func TestLimit(t *testing.T) {
	r := vendor.Open(t)
	for i := range 4 {
		l := r.Write("")
		l.Note.Body = fmt.Sprint(strings.Repeat("x", i), strings.Repeat("\U0001F600", 2000))
		composed, _ := r.Service.compose(&l.Note, time.Minute)
		if size := len(written(composed)); size > maxMessage || size < maxMessage-3 {
			t.Errorf("%d bytes", size)
		}
		if a := r.One(t, l); a.Result != push.Delivered {
			t.Errorf("%+v", a)
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{AppID: "104857600", AppSecret: "s"}
	vendor.Configs(t, good, map[error][]func(*Config){
		ErrAppID: {func(c *Config) { c.AppID = "" }, func(c *Config) { c.AppID = "1/../2" }}, ErrSecret: {func(c *Config) { c.AppSecret = "" }},
		ErrEndpoint: {
			func(c *Config) { c.Endpoint = "http://x" }, func(c *Config) { c.Endpoint = "https://x/y" },
			func(c *Config) { c.TokenEndpoint = "ftp://x/y" }, func(c *Config) { c.TokenEndpoint = "https://u:p@x/y" },
		},
	})
	if _, err := New("", good, http.DefaultClient); !errors.Is(err, ErrApp) {
		t.Error(err)
	}
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.url != "https://push-api.cloud.huawei.com/v1/104857600/messages:send" {
		t.Errorf("%v", err)
	}
}
