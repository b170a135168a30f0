package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annal/internal/app"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

func TestPushSaysWhatIsMissing(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.json")
	for _, x := range []struct {
		want string
		args []string
	}{
		{errNoUser.Error(), []string{"log"}},
		{errNoUser.Error(), []string{"test", "--user", ""}},
		{errBadUser.Error(), []string{"log", "--user", "bo b"}},
		{errBadUser.Error(), []string{"test", "--user", strings.Repeat("b", 129)}},
		{"app: --push-name: ", []string{"test", "--user", "bob", "--push-name", ""}},
		{"app: --push-texts: /nowhere: ", []string{"test", "--user", "bob", "--push-texts", "/nowhere"}},
	} {
		if _, err := execute(t, pushCommand(), "", append(x.args, "--endpoints", none)...); err == nil || !strings.HasPrefix(err.Error(), x.want) {
			t.Errorf("%v: got %v; want an error that begins with %q", x.args, err, x.want)
		}
	}
}

func TestPushLogTable(t *testing.T) {
	var out bytes.Buffer
	err := writePushLog(&out, []push.Entry{
		{At: 1_700_000_000_000, Session: "g_1", Seq: 7, Kind: push.Message, Device: "phone", Service: "fcm", Package: "com.example.chat", Reason: push.Brought, Attempts: 3, Repeats: 1, Settled: 1_700_000_002_500},
		{At: 1_700_000_001_000, Session: "g_1", Seq: 8, Kind: push.Message, Device: "tablet", Service: "apns", Package: "bad\x1b[2J\tname", Reason: push.NotTaken, Attempts: 1, Code: "Bad\nTopic", Settled: 1_700_000_001_100},
		{At: 1_700_000_002_000, Session: "g_1", Kind: push.Badge, Reason: push.IsMuted, Settled: 1_700_000_002_000},
	})
	const want = `
AT                        SESSION  SEQ  KIND     DEVICE  SERVICE               REASON     AFTER  CALLS       CODE
2023-11-14T22:13:20.000Z  g_1      7    message  phone   fcm com.example.chat  delivered  2.5s   3, 1 again  -
2023-11-14T22:13:21.000Z  g_1      8    message  tablet  apns bad?[2J?name     refused    100ms  1           Bad?Topic
2023-11-14T22:13:22.000Z  g_1      -    badge    -       -                     muted      0s     -           -
`
	if got := "\n" + out.String(); err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// tried is what is known of one user with devices, and a service that takes all.
type tried struct {
	push.View
	devices map[string]push.Device
	came    []push.Letter
}

func (v *tried) Reach(context.Context, events.SessionID, []events.UserID) (map[events.UserID]push.Reach, error) {
	return map[events.UserID]push.Reach{"bob": {Devices: v.devices}}, nil
}

func (v *tried) Holders(_ context.Context, tokens []events.PushToken) ([]push.Holder, error) {
	return make([]push.Holder, len(tokens)), nil
}

func (v *tried) Of(a push.App) (push.Service, bool) { return v, a.Package == "chat" }

func (v *tried) Name() string { return "fcm" }

func (v *tried) Abilities() push.Abilities { return push.Abilities{Batch: 1, AtOnce: 1} }

func (v *tried) Send(_ context.Context, letters []push.Letter) []push.Answer {
	v.came = append(v.came, letters...)
	return []push.Answer{{Result: push.Delivered, Text: "taken"}}
}

func TestPushTest(t *testing.T) {
	texts := t.TempDir()
	if err := os.WriteFile(filepath.Join(texts, "de.yaml"), []byte("test: Nur ein Versuch von {{.Sender}}.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := app.DefaultPush()
	settings.Name, settings.Texts = "Club", texts
	style, err := settings.Style()
	if err != nil {
		t.Fatal(err)
	}
	v := &tried{}
	test := func(only string) (string, error) {
		var out bytes.Buffer
		err := tryDevices(t.Context(), &out, pushTrial{v, v, style}, "bob", only)
		return out.String(), err
	}
	if out, err := test(""); err == nil || !strings.HasPrefix(err.Error(), "bob has no device registered") || out != "" {
		t.Errorf("without a device: %v\n%s", err, out)
	}
	v.devices = map[string]push.Device{
		"phone":  {Push: events.PushToken{Service: "fcm", Package: "chat", Token: "T", Locale: "de_DE"}},
		"tablet": {Push: events.PushToken{Service: "fcm", Package: "another", Token: "T"}},
	}
	if out, err := test("laptop"); err == nil || err.Error() != "bob has no device laptop registered" || out != "" {
		t.Errorf("without that device: %v\n%s", err, out)
	}
	const want = `
DEVICE  SERVICE  PACKAGE  RESULT     CODE            TEXT
phone   fcm      chat     delivered  -               taken
tablet  fcm      another  refused    not_configured  --push-apps has no such app
`
	if out, err := test(""); !errors.Is(err, errNotTaken) || "\n"+out != want {
		t.Errorf("%v\n%s", err, out)
	}
	if len(v.came) != 1 || v.came[0].Note.Title != "Club" || v.came[0].Note.Body != "Nur ein Versuch von Club." {
		t.Errorf("%+v", v.came)
	}
}
