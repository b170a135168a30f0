package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/reload"
	"annal/pkg/projections/push"
)

// PushApps are the apps of a file, read again by Watch when it, or a file that it names, is replaced: push.Services. What can't be used then is logged and counted,
// and the apps stay as they were.
//
// The file is YAML: under apps a list, of service and package as devices register them, and what the service's connector is to know (its Config). A setting may
// be given as NAME_file (what the file holds, its last line end left out; paths are from the file's folder) or NAME_env (of the environment).
// Of every service: ca, certificates to trust in place of the system's (PEM).
type PushApps struct {
	path   string
	logger *slog.Logger
	now    func() time.Time
	apps   atomic.Pointer[map[push.App]pushApp]

	// The rest is of whoever looks at the files.
	files *reload.Files
	// again is when they are read again though they are the same, unless zero: what could not be used may be so now, since something that was missing is there; and
	// one that was replaced while it was read looks as if it was not.
	again time.Time
	// failing is what is wrong with the files; empty: nothing is.
	failing string
}

// readAgain is after how long files are read once more.
const readAgain = 5 * time.Second

// pushApp is a service, and the settings that it was made with.
type pushApp struct {
	push.Service
	settings string
}

// PushAppsMetrics are of the file of apps.
type PushAppsMetrics struct{ apps, failing prometheus.Gauge }

// NewPushAppsMetrics registers them.
func NewPushAppsMetrics(r prometheus.Registerer) *PushAppsMetrics {
	m := &PushAppsMetrics{
		apps: prometheus.NewGauge(prometheus.GaugeOpts{Name: "annal_push_apps", Help: "Apps that are notified, as the file of --push-apps was read last."}),
		failing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "annal_push_apps_failing", Help: "1 while the file of --push-apps, or one that it names, can't be used: the apps stay as they were.",
		}),
	}
	r.MustRegister(m.apps, m.failing)
	return m
}

// OpenPushApps reads a file. Errors: ErrPushApps, each with one of those below it where there is one, or a connector's own. They say which app and which setting,
// and repeat no setting's value.
func OpenPushApps(path string, now func() time.Time, logger *slog.Logger) (*PushApps, error) {
	p := &PushApps{path: path, logger: logger, now: now, again: now().Add(readAgain)}
	p.apps.Store(&map[push.App]pushApp{})
	return p, p.read()
}

// Of implements push.Services. It only looks at what was read: all lanes ask, for each letter.
func (p *PushApps) Of(a push.App) (push.Service, bool) {
	app, ok := (*p.apps.Load())[a]
	return app.Service, ok
}

// All are the apps, in order.
func (p *PushApps) All() []push.App {
	return slices.SortedFunc(maps.Keys(*p.apps.Load()), func(a, b push.App) int { return strings.Compare(a.Service+" "+a.Package, b.Service+" "+b.Package) })
}

// Watch looks at the files once in reload.Every, until ctx ends. There is one at a time.
func (p *PushApps) Watch(ctx context.Context, m *PushAppsMetrics) {
	// Files tell that they changed once in Every; a tick that comes a little early would be for nothing.
	ticker := time.NewTicker(reload.Every / 2)
	defer ticker.Stop()
	for {
		p.look()
		m.apps.Set(float64(len(*p.apps.Load())))
		m.failing.Set(0)
		if p.failing != "" {
			m.failing.Set(1)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look reads the files again if they changed, or if it is time to.
func (p *PushApps) look() {
	now := p.now()
	changed, away := p.files.Changed(now)
	due := !p.again.IsZero() && !now.Before(p.again)
	if away == nil && !changed && !due {
		return
	}
	switch err := p.read(); {
	case err != nil:
		p.again = now.Add(readAgain)
		// What stays the same is said once: a metric goes on saying it.
		if p.failing != err.Error() {
			p.failing = err.Error()
			p.logger.Error("push: the apps stay as they were", "error", err)
		}
	case changed || p.failing != "":
		p.again, p.failing = now.Add(readAgain), ""
		p.logger.Info("push: the apps were read again", "file", p.path, "apps", len(*p.apps.Load()))
	default:
		p.again = time.Time{}
	}
}
