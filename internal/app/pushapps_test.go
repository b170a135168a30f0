package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"annal/internal/bubble"
	"annal/pkg/connectors/apns"
	"annal/pkg/connectors/fcm"
	"annal/pkg/connectors/oppo"
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
		apps.look()
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

func value(t *testing.T, m prometheus.Gauge) float64 {
	t.Helper()
	var now dto.Metric
	if err := m.Write(&now); err != nil {
		t.Fatal(err)
	}
	return now.GetGauge().GetValue()
}

// lines are what was logged since it was taken last.
type lines struct {
	mu  sync.Mutex
	all []byte
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line...)
	return len(line), nil
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := string(l.all)
	l.all = nil
	return all
}

// Nobody is told anything, and yet it is seen within two seconds that the file, or one that it names, was replaced; and by what can't be used, for as long as that is so.
func TestPushAppsAreWatched(t *testing.T) {
	dir := t.TempDir()
	path, secret := filepath.Join(dir, "apps.yaml"), filepath.Join(dir, "secret")
	write(t, secret, "first")
	const good = "apps:\n- {service: oppo, package: a, app_key: k, master_secret_file: secret}\n- {service: oppo, package: b, app_key: k, master_secret: s}\n"
	write(t, path, good)
	bubble.Test(t, func(t *testing.T) {
		var log lines
		apps, err := OpenPushApps(path, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		m := NewPushAppsMetrics(prometheus.NewRegistry())
		ctx, end := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { apps.Watch(ctx, m) })
		is := func(what string, count, failing float64, said string) {
			t.Helper()
			<-time.After(2 * time.Second)
			synctest.Wait()
			if got, fails := value(t, m.apps), value(t, m.failing); got != count || fails != failing {
				t.Errorf("%s: %v apps, failing %v; want %v, %v", what, got, fails, count, failing)
			}
			all := log.take()
			if n := strings.Count(all, "\n"); said == "" && n != 0 || said != "" && (n != 1 || !strings.Contains(all, said)) {
				t.Errorf("%s: %d lines, must one with %q\n%s", what, n, said, all)
			}
		}
		is("as it was", 2, 0, "")
		write(t, path, "apps: [{service: pigeon, package: a}]\n")
		is("a bad file", 2, 1, "service: want one of")
		is("the same", 2, 1, "")
		write(t, path, good+"# and well\n")
		is("a good file", 2, 0, "the apps were read again")
		if err := os.Remove(secret); err != nil {
			t.Fatal(err)
		}
		is("a secret that is gone", 2, 1, "master_secret_file: no such file")
		for range 5 {
			is("still gone", 2, 1, "")
		}
		write(t, secret, "second")
		is("a secret that is there", 2, 0, "the apps were read again")
		write(t, path, "apps: []\n")
		is("none any more", 0, 0, "the apps were read again")
		end()
		watching.Wait()
	})
}

func TestPushAppsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    error
		says    string
	}{
		"an unknown service":     {"apps: [{service: TOPSECRET, package: a}]", ErrPushService, "app 1: service: want one of apns, "},
		"no service":             {"apps: [{package: a}]", ErrPushService, "app 1: service: want one of apns, "},
		"no package":             {"apps: [{service: oppo, app_key: k, master_secret: TOPSECRET}]", ErrPushPackage, "app 1 (oppo): package: want "},
		"another's package":      {"apps: [{service: oppo, package: \"-----BEGIN\\nTOPSECRET\", app_key: k, master_secret: s}]", ErrPushPackage, "app 1 (oppo): package: want "},
		"an app twice":           {two + "- {service: oppo, package: a, app_key: k, master_secret: TOPSECRET}", ErrPushTwice, "app 3 (oppo a): its service and package are those of app 1"},
		"a setting twice":        {two + "- {service: oppo, package: c, app_key: TOPSECRET, master_secret: s, app_key_env: HOME}", nil, "app 3 (oppo c): app_key is given twice"},
		"a line twice":           {two + "- {service: oppo, package: c, app_key: TOPSECRET, app_key: TOPSECRET2}", nil, "app 3: app_key is given twice"},
		"an unknown setting":     {two + "- {service: oppo, package: c, app_key: k, master_secret: s, nonsense: TOPSECRET}", nil, "app 3 (oppo c): unknown setting nonsense"},
		"a name that is none":    {two + "- {service: oppo, package: c, TOPSECRET: k}", nil, "app 3: the name of a setting is none: want a-z, 0-9 and _"},
		"a list":                 {two + "- {service: oppo, package: c, app_key: [TOPSECRET]}", nil, "app 3 (oppo c): app_key: want a text or a number"},
		"a mapping":              {"apps: [{service: fcm, package: c, credentials: {private_key: TOPSECRET}}]", nil, "app 1 (fcm c): credentials: want a text or a number"},
		"a setting that is none": {"apps: [{service: oppo, package: a, app_key: k, master_secret: TOPSECRET, call_notify_level: 3}]", oppo.ErrLevel, "app 1 (oppo a): oppo: call_notify_level is 0, 1, 2 or 16"},
		"a text for a number":    {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, call_notify_level: TOPSECRET3}]", nil, "app 1 (oppo a): call_notify_level: want a whole number"},
		"a missing setting":      {"apps: [{service: oppo, package: a, master_secret: TOPSECRET}]", oppo.ErrKey, "app 1 (oppo a): oppo: app_key is missing"},
		"several":                {"apps: [{service: apns, package: a, key: TOPSECRET, key_id: TOPSECRET, team_id: x}]", apns.ErrTeamID, "app 1 (apns a): apns: key is no private key of P-256 in PEM; apns: key_id "},
		"no JSON":                {"apps: [{service: fcm, package: a, credentials: '{\"type\": 1, \"project_id\": \"TOPSECRET\"}'}]", fcm.ErrCredentials, "app 1 (fcm a): fcm: credentials are "},
		"a file not there":       {"apps: [{service: oppo, package: a, app_key: k, master_secret_file: TOPSECRET}]", fs.ErrNotExist, "app 1 (oppo a): master_secret_file: no such file"},
		"a file without a name":  {"apps: [{service: oppo, package: a, app_key: k, master_secret_file: ''}]", nil, "app 1 (oppo a): master_secret_file: want a file's path"},
		"a folder":               {"apps: [{service: oppo, package: a, app_key: k, master_secret_file: .}]", nil, "app 1 (oppo a): master_secret_file: want a file"},
		"a file that is large":   {"apps: [{service: oppo, package: a, app_key: k, master_secret_file: large}]", ErrPushSize, "app 1 (oppo a): master_secret_file: it has more than 1 MiB"},
		"a variable not set":     {"apps: [{service: oppo, package: a, app_key: k, master_secret_env: TOPSECRET}]", nil, "app 1 (oppo a): master_secret_env: there is no such variable"},
		"certificates of none":   {"apps: [{service: oppo, package: a, app_key: k, master_secret: s, ca: TOPSECRET}]", ErrPushCA, "app 1 (oppo a): ca: want certificates in PEM"},
		"an app that is none":    {two + "- TOPSECRET", nil, "app 3: want settings, each NAME: VALUE"},
		"another top":            {"applications: [TOPSECRET]", nil, "unknown setting applications: want apps alone, a list"},
		"no list":                {"apps: TOPSECRET", nil, "apps: want a list"},
		"no settings":            {"TOPSECRET", nil, "want settings, each NAME: VALUE"},
		"no apps":                {"{}", nil, "want apps, a list"},
		"nothing":                {"", nil, "it is empty: want apps, a list"},
		"two documents":          {"apps: []\n---\napps: [TOPSECRET]", nil, "want one YAML document"},
		"no YAML":                {"apps:\n- service: oppo\n  TOPSECRET\n  x: [", nil, "it is not YAML, near line "},
		"an alias of nothing":    {"apps: [{service: oppo, package: a, app_key: *TOPSECRET}]", nil, "it is not YAML"},
		"a large file":           {"apps: []\n#" + strings.Repeat("x", 1<<20), ErrPushSize, "it has more than 1 MiB"},
		"very many apps":         {"apps:\n" + strings.Repeat("- {}\n", 1001), ErrPushMany, "it has more than 1000 apps"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "apps.yaml")
		write(t, path, c.content)
		write(t, filepath.Join(dir, "large"), strings.Repeat("x", 1<<20+1))
		_, err := OpenPushApps(path, time.Now, slog.New(slog.DiscardHandler))
		if !errors.Is(err, ErrPushApps) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := "app: --push-apps: " + path + ": " + c.says; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nmust begin with %s", name, err, want)
		}
		for _, never := range []string{"TOPSECRET", "\n", "!!", "struct", "map[", "Config", "EOF"} {
			if strings.Contains(err.Error(), never) {
				t.Errorf("%s: %q is in %v", name, never, err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := OpenPushApps(path, time.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) || err.Error() != "app: --push-apps: "+path+": no such file or directory" {
		t.Error(err)
	}
}

const two = "apps:\n- {service: oppo, package: a, app_key: k, master_secret: s}\n- {service: oppo, package: b, app_key: k, master_secret: s}\n"

// The most that there may be is taken.
func TestPushAppsAtTheLimits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "apps.yaml")
	var content strings.Builder
	content.WriteString("apps:\n")
	for i := range maxPushApps {
		fmt.Fprintf(&content, "- {service: oppo, package: a%d, app_key: k, master_secret_file: large}\n", i)
	}
	content.WriteString("#" + strings.Repeat("x", maxPushBytes-content.Len()-1))
	write(t, path, content.String())
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 1000))
	apps, err := OpenPushApps(path, time.Now, slog.New(slog.DiscardHandler))
	if err != nil || len(apps.All()) != 1000 {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", maxPushBytes))
	write(t, path, "apps: [{service: oppo, package: a, app_key: k, master_secret_file: large}]")
	if _, err := OpenPushApps(path, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// Connectors' settings are texts and numbers, which are all that a file of apps has.
func TestPushSettingsAreOfKnownKinds(t *testing.T) {
	for service, config := range pushConfigs() {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(config)) {
			if k := field.Type.Kind(); k != reflect.String && k != reflect.Int || field.Tag.Get("yaml") == "" {
				t.Errorf("%s: %s is a %s, named %q", service, field.Name, k, field.Tag.Get("yaml"))
			}
		}
	}
}

// What can't be used is told with the flag that it is of.
func TestPushFlags(t *testing.T) {
	texts := t.TempDir()
	write(t, filepath.Join(texts, "de.yml"), "group: Runde\n")
	for want, change := range map[string]func(*Push){
		"app: --push-hold: ":            func(p *Push) { p.Hold = -1 },
		"app: --push-keep: ":            func(p *Push) { p.Keep = 0 },
		"app: --push-name: ":            func(p *Push) { p.Name = "" },
		"app: --push-link: ":            func(p *Push) { p.Link = "nonsense {sesion}" },
		"app: --push-log ":              func(p *Push) { p.LogKeep = 0 },
		"app: --push-texts: /nowhere: ": func(p *Push) { p.Texts = "/nowhere" },
		"app: --push-texts: " + texts + ": push: texts: de.yml: ": func(p *Push) { p.Texts = texts },
	} {
		c := Defaults()
		change(&c.Push)
		c.Kafka, c.Redis, c.Roles = []string{"k:9092"}, "r:6379", []string{RoleHot}
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), "--push-") != 1 {
			t.Errorf("%v; must begin with %s", err, want)
		}
	}
}
