package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/obs"
	"annal/internal/sampler"
	"annal/pkg/connectors/kafka"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/push"
	"annal/pkg/projections/vault"
	"annal/pkg/sequencer"
)

// registered notes the metrics that are registered: by name, the labels.
type registered map[string][]string

var (
	descName   = regexp.MustCompile(`fqName: "([^"]+)"`)
	descLabels = regexp.MustCompile(`variableLabels: \{([^}]*)\}`)
	descConst  = regexp.MustCompile(`constLabels: \{([^}]*)\}`)
)

func (r registered) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	for d := range descs {
		var labels []string
		for label := range strings.SplitSeq(descLabels.FindStringSubmatch(d.String())[1], ",") {
			labels = append(labels, label)
		}
		for pair := range strings.SplitSeq(descConst.FindStringSubmatch(d.String())[1], ",") {
			label, _, _ := strings.Cut(pair, "=")
			labels = append(labels, label)
		}
		r[descName.FindStringSubmatch(d.String())[1]] = labels
	}
	return nil
}

func (r registered) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		_ = r.Register(c) // cannot fail
	}
}

func (r registered) Unregister(prometheus.Collector) bool { return false }

// ours are all metrics that a process of any role registers.
func ours(t *testing.T) registered {
	t.Helper()
	r := registered{"up": nil} // Prometheus's own
	gateway.NewMetrics(r)
	sequencer.NewMetrics(r)
	hot.NewMetrics(r)
	follow.NewMetrics(r, app.RoleSteward)
	follow.NewMetrics(r, app.RoleArchive)
	follow.NewMetrics(r, app.RolePush)
	push.NewMetrics(r)
	app.NewPushAppsMetrics(r)
	archive.NewMetrics(r)
	vault.NewMetrics(r)
	sampler.NewMetrics(r)
	broker, err := devstack.StartKfake(devstack.KfakeOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	})
	log, err := kafka.Open(t.Context(), kafka.Options{Seeds: broker.Addrs(), Log: slog.New(slog.DiscardHandler), Metrics: r})
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	// The runtime's and the process's have no labels of interest and always a value.
	families, err := obs.NewRegistry("test").Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		r[f.GetName()] = labels
	}
	return r
}

// dashboard is what is looked at of Grafana's JSON.
type dashboard struct {
	UID    string `json:"uid"`
	Panels []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct {
			RefID, Expr string
			Datasource  struct{ UID string }
		}
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(composeDir, "grafana", "dashboards", "annal.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	metricName = regexp.MustCompile(`\b(annal|process|go)_[a-z0-9_]+|\bup\b`)
	byLabels   = regexp.MustCompile(`by \(([^)]*)\)`)
	selector   = regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)"`)
)

// TestTheDashboardShowsWhatThereIs: each metric is one that the code registers, and each
// label one that the metrics beside it have.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	metrics := ours(t)
	for _, p := range readDashboard(t).Panels {
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d (%s) says or shows nothing", p.ID, p.Title)
		}
		for _, target := range p.Targets {
			labels := []string{"job", "instance", "role"} // as prometheus.yml gives them
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: no metric in %s", p.Title, target.Expr)
			}
			for _, name := range names {
				base, of := name, metrics[name]
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					if whole, ok := strings.CutSuffix(name, part); ok && metrics[whole] != nil {
						base, of = whole, append(slices.Clone(metrics[whole]), "le")
					}
				}
				if _, there := metrics[base]; !there {
					t.Errorf("%s: nothing registers %s", p.Title, name)
				}
				labels = append(labels, of...)
			}
			for _, by := range byLabels.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(by[1], ",") {
					if label = strings.TrimSpace(label); !slices.Contains(labels, label) {
						t.Errorf("%s: no metric of %s has the label %s", p.Title, target.Expr, label)
					}
				}
			}
			for _, s := range selector.FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(labels, s[1]) {
					t.Errorf("%s: no metric of %s has the label %s", p.Title, target.Expr, s[1])
				}
			}
		}
	}
}

// TestTheDashboardIsLaidOut: panels don't lie over each other, and all ask the
// provisioned data source.
func TestTheDashboardIsLaidOut(t *testing.T) {
	d := readDashboard(t)
	source, err := os.ReadFile(filepath.Join(composeDir, "grafana", "provisioning", "datasources", "prometheus.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cells, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: another panel has the id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("%s lies over %s, or outside", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			if !strings.Contains(string(source), "uid: "+target.Datasource.UID+"\n") {
				t.Errorf("%s asks the data source %q, which is not provisioned", p.Title, target.Datasource.UID)
			}
		}
	}
}

// TestAlarmsAreOfWhatThereIs: each metric that an alarm asks is one that the code registers, by labels that it has.
func TestAlarmsAreOfWhatThereIs(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(composeDir, "alarms.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var alarms struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Description string }
			}
		}
	}
	if err := yaml.Unmarshal(content, &alarms); err != nil {
		t.Fatal(err)
	}
	metrics, n := ours(t), 0
	for _, g := range alarms.Groups {
		for _, r := range g.Rules {
			n++
			names := metricName.FindAllString(r.Expr, -1)
			if len(names) == 0 || r.Annotations.Summary == "" || r.Annotations.Description == "" {
				t.Errorf("%s asks or says nothing", r.Alert)
			}
			for _, name := range names {
				labels, there := metrics[name]
				for _, by := range byLabels.FindAllStringSubmatch(r.Expr, -1) {
					for label := range strings.SplitSeq(by[1], ",") {
						there = there && slices.Contains(labels, strings.TrimSpace(label))
					}
				}
				for _, of := range selector.FindAllStringSubmatch(r.Expr, -1) {
					there = there && slices.Contains(labels, of[1])
				}
				if !there {
					t.Errorf("%s: nothing registers %s, or not with the labels of %s", r.Alert, name, r.Expr)
				}
			}
		}
	}
	if n == 0 {
		t.Error("there are no alarms")
	}
	for file, want := range map[string]string{"prometheus.yml": "rule_files: [alarms.yml]", "compose.yaml": "./alarms.yml:/etc/prometheus/alarms.yml:ro"} {
		if content, err := os.ReadFile(filepath.Join(composeDir, file)); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not have %s: %v", file, want, err)
		}
	}
}

// TestPushMetricsAreInTheDocs: each metric of role push is named in the table of docs/operations.md, which names no other.
func TestPushMetricsAreInTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n| metric | look at it when |\n")
	table, _, whole := strings.Cut(table, "\n\n")
	if !found || !whole {
		t.Fatal("there is no table")
	}
	named := map[string]bool{}
	for row := range strings.SplitSeq(table, "\n") {
		for _, name := range metricName.FindAllString(strings.Split(row, "|")[1], -1) {
			named[name] = true
		}
	}
	metrics := ours(t)
	for name := range metrics {
		if strings.HasPrefix(name, "annal_push_") && !named[name] {
			t.Errorf("%s has no row", name)
		}
	}
	for name := range named {
		if _, there := metrics[name]; strings.HasPrefix(name, "annal_push_") && !there {
			t.Errorf("nothing registers %s", name)
		}
	}
}
