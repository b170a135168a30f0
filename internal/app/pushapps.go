package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"annal/internal/reload"
	"annal/pkg/projections/push"
)

// Errors of a file of apps.
var (
	ErrPushApps    = errors.New("app: --push-apps")
	ErrPushTwice   = fmt.Errorf("%w: an app is there twice", ErrPushApps)
	ErrPushService = fmt.Errorf("%w: service is not one of %s", ErrPushApps, strings.Join(pushServices(), ", "))
	ErrPushPackage = fmt.Errorf("%w: package is missing", ErrPushApps)
	ErrPushCA      = fmt.Errorf("%w: ca holds no certificate", ErrPushApps)
)

// PushApps are the apps of a file, read again when it, or a file that it names, is replaced: push.Services. What can't be used then is logged, and the apps stay
// as they were.
//
// The file is YAML: under apps a list, of service and package as devices register them, and what the service's connector is to know (its Config). A setting may
// be given as NAME_file (what the file holds, its last line end left out; paths are from the file's folder) or NAME_env (of the environment).
// Of every service: ca, certificates to trust in place of the system's (PEM).
type PushApps struct {
	path   string
	logger *slog.Logger
	now    func() time.Time

	mu    sync.Mutex
	files *reload.Files
	// again is when they are read again though they are the same, unless zero: what could not be used may be so now, since something that was missing is there; and
	// one that was replaced while it was read looks as if it was not.
	again time.Time
	apps  map[push.App]pushApp
}

// readAgain is after how long files are read once more.
const readAgain = 5 * time.Second

// pushApp is a service, and the settings that it was made with.
type pushApp struct {
	push.Service
	settings string
}

// OpenPushApps reads a file. Errors: ErrPushApps and those that wrap it, and the connectors' own.
func OpenPushApps(path string, now func() time.Time, logger *slog.Logger) (*PushApps, error) {
	p := &PushApps{path: path, logger: logger, now: now, again: now().Add(readAgain)}
	return p, p.read()
}

// Of implements push.Services.
func (p *PushApps) Of(a push.App) (push.Service, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	changed, err := p.files.Changed(now)
	due := !p.again.IsZero() && !now.Before(p.again)
	if err == nil && (changed || due) {
		err = p.read()
	}
	switch {
	case err != nil:
		p.again = now.Add(readAgain)
		p.logger.Error("push: the apps stay as they were", "error", err)
	case changed:
		p.again = now.Add(readAgain)
		p.logger.Info("push: the apps were read again", "file", p.path, "apps", len(p.apps))
	case due:
		p.again = time.Time{}
	}
	app, ok := p.apps[a]
	return app.Service, ok
}

// All are the apps, in order.
func (p *PushApps) All() []push.App {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Keys(p.apps), func(a, b push.App) int { return strings.Compare(a.Service+" "+a.Package, b.Service+" "+b.Package) })
}

// read is called with mu held, or before anybody else has p.
func (p *PushApps) read() error {
	content, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPushApps, err)
	}
	var file struct {
		Apps []map[string]yaml.Node `yaml:"apps"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrPushApps, p.path, err)
	}
	apps, named := map[push.App]pushApp{}, []string{p.path}
	for i, settings := range file.Apps {
		app, made, files, err := p.app(settings)
		named = append(named, files...)
		if _, twice := apps[app]; err == nil && twice {
			err = ErrPushTwice
		}
		if err != nil {
			return fmt.Errorf("%s: app %d: %w", p.path, i+1, err)
		}
		apps[app] = made
	}
	if p.files, err = reload.New(p.now(), named...); err != nil {
		return fmt.Errorf("%w: %w", ErrPushApps, err)
	}
	p.apps = apps
	return nil
}

// app makes the service of an app, or takes the one that was made with the same settings: it may have a token of the vendor's.
func (p *PushApps) app(settings map[string]yaml.Node) (app push.App, made pushApp, files []string, err error) {
	values, files, err := p.resolve(settings)
	if err != nil {
		return app, made, files, err
	}
	text := func(name string) string {
		node, there := values[name]
		delete(values, name)
		if !there {
			return ""
		}
		return node.Value
	}
	ca := text("ca")
	app.Service, app.Package = text("service"), text("package")
	create, known := pushMakers()[app.Service]
	switch {
	case !known:
		return app, made, files, fmt.Errorf("%w, not %q", ErrPushService, app.Service)
	case app.Package == "":
		return app, made, files, ErrPushPackage
	}
	content, err := yaml.Marshal(values)
	if err != nil {
		return app, made, files, fmt.Errorf("%w: %w", ErrPushApps, err)
	}
	made.settings = ca + "\x00" + string(content)
	if had, there := p.apps[app]; there && had.settings == made.settings {
		return app, had, files, nil
	}
	client, err := pushClient(ca)
	if err != nil {
		return app, made, files, err
	}
	if made.Service, err = create(app.Package, content, client); err != nil {
		err = fmt.Errorf("%w: %s of %s: %w", ErrPushApps, app.Service, app.Package, err)
	}
	return app, made, files, err
}

// resolve gives an app's settings, those of files and of the environment read.
func (p *PushApps) resolve(settings map[string]yaml.Node) (values map[string]*yaml.Node, files []string, err error) {
	values = map[string]*yaml.Node{}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		node := settings[name]
		to, path, err := p.secret(name, node.Value)
		if err != nil {
			return nil, files, fmt.Errorf("%w: %s: %w", ErrPushApps, name, err)
		}
		if path != "" {
			files = append(files, path)
		}
		if to != nil {
			node, name = *to, name[:strings.LastIndexByte(name, '_')]
		}
		if _, twice := values[name]; twice {
			return nil, files, fmt.Errorf("%w: %s is given twice", ErrPushApps, name)
		}
		values[name] = &node
	}
	return values, files, nil
}

// secret reads a setting that is in a file or in the environment; nil if it is where it stands.
func (p *PushApps) secret(name, where string) (value *yaml.Node, path string, err error) {
	switch {
	case strings.HasSuffix(name, "_file"):
		if path = where; !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.path), path)
		}
		content, err := os.ReadFile(path)
		return scalar(strings.TrimSuffix(string(content), "\n")), path, err
	case strings.HasSuffix(name, "_env"):
		content, set := os.LookupEnv(where)
		if !set {
			return nil, "", fmt.Errorf("%s is not set", where)
		}
		return scalar(content), "", nil
	}
	return nil, "", nil
}

// scalar is a setting's value as it would be read where the file has it in one line: a number is one. What has several lines is text.
func scalar(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if _, err := strconv.Atoi(s); err == nil && len(s) < 10 {
		n.Tag = "!!int"
	}
	return n
}

// pushClient is what a service is asked with. A connection that died without a word is found by pings.
func pushClient(ca string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
	if ca != "" {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, ErrPushCA
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// pushMaker makes the service of an app from its settings (YAML).
type pushMaker func(app string, settings []byte, client *http.Client) (push.Service, error)

// madeBy reads a connector's settings, none of them unknown, and makes its service.
func madeBy[C interface{ Validate() error }, S push.Service](create func(string, C, *http.Client) (S, error)) pushMaker {
	return func(app string, settings []byte, client *http.Client) (push.Service, error) {
		var c C
		decoder := yaml.NewDecoder(bytes.NewReader(settings))
		decoder.KnownFields(true)
		if err := decoder.Decode(&c); err != nil {
			return nil, err
		}
		if err := c.Validate(); err != nil {
			return nil, err
		}
		return create(app, c, client)
	}
}
