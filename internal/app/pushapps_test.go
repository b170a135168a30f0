package app

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPushApps(t *testing.T) {
	dir := t.TempDir()
	path, secret := filepath.Join(dir, "apps.yaml"), filepath.Join(dir, "secret")
	t.Setenv("PUSH_TEST_KEY", "key")
	write(t, secret, "first\n")
	write(t, path, "apps:\n- {service: oppo, package: a, app_key_env: PUSH_TEST_KEY, master_secret_file: secret, call_notify_level: 16}\n"+
		"- {service: oppo, package: b, app_key: k, master_secret: s}\n")
	now := time.Now()
	apps, err := OpenPushApps(path, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) push.Service {
		t.Helper()
		s, ok := apps.Of(push.App{Service: "oppo", Package: name})
		if !ok {
			return nil
		}
		return s
	}
	a, b := of("a"), of("b")
	if a == nil || b == nil || of("c") != nil || len(apps.All()) != 2 {
		t.Fatal(a, b, apps.All())
	}
	again := func(what string, change func()) {
		t.Helper()
		change()
		now = now.Add(2 * time.Second)
		_ = of(what)
	}
	again("a secret that is replaced", func() { write(t, secret, "another\n") })
	if of("a") == a || of("b") != b {
		t.Error("the app with the new secret is the old one, or the other one is a new one")
	}
	a = of("a")
	again("a file that can't be used", func() { write(t, path, "apps: [{service: pigeon, package: a}]\n") })
	if of("a") != a {
		t.Error("the apps did not stay as they were")
	}
	t.Setenv("PUSH_TEST_LEVEL", "16")
	write(t, path, "apps: [{service: oppo, package: d, app_key: k, master_secret_file: later, call_notify_level_env: PUSH_TEST_LEVEL}]\n")
	now = now.Add(2 * time.Second)
	if of("d") != nil {
		t.Fatal("there without its secret")
	}
	write(t, filepath.Join(dir, "later"), "s")
	now = now.Add(readAgain)
	if of("d") == nil {
		t.Error("what was missing is there, and nobody looked")
	}
	a = of("d")
	again("a file that is gone", func() { _ = os.Remove(path) })
	if of("d") != a {
		t.Error("the apps did not stay as they were")
	}
	again("another file", func() { write(t, path, "apps: [{service: oppo, package: c, app_key: k, master_secret: s}]\n") })
	if of("a") != nil || of("c") == nil {
		t.Error("the new file was not read")
	}
}

func TestPushAppsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    error
	}{
		"an unknown service":     {"apps: [{service: pigeon, package: a}]", ErrPushService},
		"no service":             {"apps: [{package: a}]", ErrPushService},
		"no package":             {"apps: [{service: oppo, app_key: k, master_secret: s}]", ErrPushPackage},
		"an app twice":           {"apps: [{service: oppo, package: a, app_key: k, master_secret: s}, {service: oppo, package: a, app_key: k, master_secret: t}]", ErrPushTwice},
		"a setting twice":        {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, app_key_env: HOME}]", ErrPushApps},
		"an unknown setting":     {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, colour: red}]", ErrPushApps},
		"a setting that is none": {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, call_notify_level: 3}]", ErrPushApps},
		"a missing setting":      {"apps: [{service: oppo, package: a, app_key: k}]", ErrPushApps},
		"a file not there":       {"apps: [{service: oppo, package: a, app_key: k, master_secret_file: nowhere}]", ErrPushApps},
		"a variable not set":     {"apps: [{service: oppo, package: a, app_key: k, master_secret_env: NOT_SET_ANYWHERE}]", ErrPushApps},
		"certificates of none":   {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, ca: x}]", ErrPushCA},
		"another top":            {"applications: []", ErrPushApps},
		"no YAML":                {"[1", ErrPushApps},
	} {
		path := filepath.Join(t.TempDir(), "apps.yaml")
		write(t, path, c.content)
		if _, err := OpenPushApps(path, time.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenPushApps(filepath.Join(t.TempDir(), "none.yaml"), time.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrPushApps) {
		t.Error(err)
	}
}
