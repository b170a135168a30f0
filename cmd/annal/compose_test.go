package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"annal/internal/app"
	"annal/internal/config"
)

// composeDir holds the production shape. No Docker is at hand where tests run, so what
// can be known without one is checked here.
var composeDir = filepath.Join("..", "..", "compose")

// annalPort is where every process of Annal listens in its container.
const annalPort = "8080"

func composeProject(t *testing.T) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{filepath.Join(composeDir, "compose.yaml")}, cli.WithProfiles([]string{"tool"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// roleOf is what a service of `annal serve` runs; empty for others.
func roleOf(s types.ServiceConfig) string {
	if s.Image == "annal" && len(s.Command) == 3 && s.Command[0] == "serve" && s.Command[1] == "--roles" {
		return s.Command[2]
	}
	return ""
}

func environment(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

// TestComposeHasTwoOfEachRole, and three brokers.
func TestComposeHasTwoOfEachRole(t *testing.T) {
	count := map[string]int{}
	for _, s := range composeProject(t).Services {
		if role := roleOf(s); role != "" {
			count[role]++
		}
		if strings.HasPrefix(s.Image, "apache/kafka:") {
			count["kafka"]++
			pom, err := os.ReadFile(filepath.Join("..", "..", "engines", "kafka", "pom.xml"))
			if version := strings.TrimPrefix(s.Image, "apache/kafka:"); err != nil || !strings.Contains(string(pom), "<kafka.version>"+version+"<") {
				t.Errorf("%s: %s is not the version that tests use (%v)", s.Name, s.Image, err)
			}
		}
	}
	for _, role := range app.Roles() {
		if count[role] != 2 {
			t.Errorf("%d of role %s, want 2", count[role], role)
		}
	}
	if count["kafka"] != 3 {
		t.Errorf("%d brokers, want 3", count["kafka"])
	}
}

// TestComposeSaysWhatAnnalTakes: commands, variables and health checks are of our own
// parser, and servers would start with their settings.
func TestComposeSaysWhatAnnalTakes(t *testing.T) {
	for _, s := range composeProject(t).Services {
		if s.Image != "annal" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			env := environment(s)
			for name, value := range env {
				t.Setenv(name, value)
			}
			root := rootCommand()
			cmd, rest, err := root.Find(s.Command)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Error(err)
			}
			if err := config.FromEnvironment(cmd.Flags()); err != nil {
				t.Error(err)
			}
			known := map[string]bool{}
			commands := []*cobra.Command{cmd}
			if s.Name == "tool" {
				commands = all(root) // its command is one of those that it is for
			}
			for _, c := range commands {
				c.Flags().VisitAll(func(f *pflag.Flag) { known[config.Environment(f.Name)] = true })
			}
			for name := range env {
				if !known[name] {
					t.Errorf("%s is no setting of annal %s", name, cmd.Name())
				}
			}
			if roleOf(s) == "" {
				return
			}
			out, err := execute(t, rootCommand(), "", append([]string{"config"}, s.Command[1:]...)...)
			if err != nil || !strings.Contains(out, "http: 0.0.0.0:"+annalPort+" ") {
				t.Errorf("annal serve would refuse it: %v\n%s", err, out)
			}
			if test := s.HealthCheck.Test; len(test) != 3 || test[0] != "CMD" || test[1] != "/usr/bin/annal" || test[2] != "health" {
				t.Errorf("the health check is %v", test)
			}
		})
	}
}

// all are a command and those below it.
func all(c *cobra.Command) []*cobra.Command {
	commands := []*cobra.Command{c}
	for _, below := range c.Commands() {
		commands = append(commands, all(below)...)
	}
	return commands
}

// TestComposeSeesPushApps: whoever asks push services sees the file of apps, and what the sample in it names, in a folder: a single file that is
// mounted stays the old one when another takes its place.
func TestComposeSeesPushApps(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(composeDir, "push", "push.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sample := strings.Replace(strings.ReplaceAll(string(content), "\n#  ", "\n  "), "apps: []", "apps:", 1)
	var file struct{ Apps []map[string]string }
	if err := yaml.Unmarshal([]byte(sample), &file); err != nil || len(file.Apps) == 0 {
		t.Fatalf("the sample is no app: %v\n%s", err, sample)
	}
	for _, s := range composeProject(t).Services {
		if roleOf(s) != app.RolePush && s.Name != "tool" {
			continue
		}
		apps := environment(s)["ANNAL_PUSH_APPS"]
		named := []string{apps}
		for _, a := range file.Apps {
			for name, value := range a {
				if strings.HasSuffix(name, "_file") && filepath.IsAbs(value) {
					named = append(named, value)
				} else if strings.HasSuffix(name, "_file") {
					named = append(named, filepath.Join(filepath.Dir(apps), value))
				}
			}
		}
		if len(named) < 2 {
			t.Error("the sample names no file of credentials")
		}
		for _, name := range named {
			if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
				info, err := os.Stat(v.Source)
				return v.Type == types.VolumeTypeBind && v.ReadOnly && err == nil && info.IsDir() && strings.HasPrefix(name, v.Target+"/")
			}) {
				t.Errorf("%s sees %q in no folder that is mounted", s.Name, name)
			}
		}
		if _, err := app.OpenPushApps(filepath.Join(composeDir, "push", filepath.Base(apps)), time.Now, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s could not use it: %v", s.Name, err)
		}
	}
}

// TestComposeHoldsTogether: what the services say of each other is so.
func TestComposeHoldsTogether(t *testing.T) {
	project := composeProject(t)
	ports, volumes, homes := map[string]string{}, map[string]bool{}, map[string]string{}
	for _, s := range project.Services {
		once := s.Restart == "no"
		if !once && (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) {
			t.Errorf("%s has no health check", s.Name)
		}
		for _, p := range s.Ports {
			if other, taken := ports[p.Published]; taken {
				t.Errorf("%s and %s both publish port %s", s.Name, other, p.Published)
			}
			ports[p.Published] = s.Name
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s to %q, want to this machine alone", s.Name, p.Published, p.HostIP)
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeVolume {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", s.Name, err)
				}
				continue
			}
			volumes[v.Source] = true
			// A data directory holds a process's name in its groups: no two may share one.
			if other, taken := homes[v.Source]; taken {
				t.Errorf("%s and %s share the volume %s", s.Name, other, v.Source)
			}
			homes[v.Source] = s.Name
		}
		for name, value := range environment(s) {
			for _, address := range regexp.MustCompile(`[a-z]+-?[0-9]?:[0-9]{4}\b`).FindAllString(value, -1) {
				if host, _, _ := strings.Cut(address, ":"); project.Services[host].Name == "" {
					t.Errorf("%s: %s names %s, which is no service", s.Name, name, address)
				}
			}
		}
		if s.Image != "annal" || roleOf(s) == "" {
			continue
		}
		if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/data" }) {
			t.Errorf("%s keeps nothing: no volume at /data", s.Name)
		}
		engine := "redis"
		switch roleOf(s) {
		case app.RoleArchive:
			engine = "archive-tables"
		case app.RoleVault:
			engine = "vault-bucket"
		}
		for _, name := range []string{"topics", engine} {
			if _, ok := s.DependsOn[name]; !ok {
				t.Errorf("%s does not wait for %s", s.Name, name)
			}
		}
	}
	for name := range project.Volumes {
		if !volumes[name] {
			t.Errorf("the volume %s is nobody's", name)
		}
	}
}

func TestComposeTopicsHoldAgainstTheBrokers(t *testing.T) {
	project := composeProject(t)
	topics := topicsCommand()
	cmd, rest, err := topics.Find(project.Services["topics"].Command[1:])
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"replication": "3", "min-insync-replicas": "2", "partitions": "96"} {
		if f := cmd.Flag(flag); f == nil || f.Value.String() != want {
			t.Errorf("topics are created with --%s %v, want %s", flag, f, want)
		}
	}
	nodes := map[string]bool{}
	for _, name := range []string{"kafka-1", "kafka-2", "kafka-3"} {
		env := environment(project.Services[name])
		nodes[env["KAFKA_NODE_ID"]] = true
		if env["KAFKA_MIN_INSYNC_REPLICAS"] != "2" || env["KAFKA_ADVERTISED_LISTENERS"] != "PLAINTEXT://"+name+":9092" ||
			!strings.Contains(env["KAFKA_CONTROLLER_QUORUM_VOTERS"], env["KAFKA_NODE_ID"]+"@"+name+":9093") {
			t.Errorf("%s: %v", name, env)
		}
	}
	if len(nodes) != 3 {
		t.Errorf("the brokers' ids are %v, want three", nodes)
	}
}

// TestEveryProcessIsScraped, at the port that it listens on, under its role.
func TestEveryProcessIsScraped(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(composeDir, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var scraping struct {
		ScrapeConfigs []struct {
			MetricsPath   string `yaml:"metrics_path"`
			StaticConfigs []struct {
				Targets []string
				Labels  struct{ Role string }
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(content, &scraping); err != nil {
		t.Fatal(err)
	}
	scraped := map[string]string{}
	for _, s := range scraping.ScrapeConfigs {
		if s.MetricsPath != "" {
			t.Errorf("scrapes %s; annal serves /metrics, the default", s.MetricsPath)
		}
		for _, c := range s.StaticConfigs {
			for _, target := range c.Targets {
				scraped[target] = c.Labels.Role
			}
		}
	}
	roles := 0
	for _, s := range composeProject(t).Services {
		if role := roleOf(s); role != "" {
			roles++
			if got := scraped[s.Name+":"+annalPort]; got != role {
				t.Errorf("%s is scraped as %q, want %q", s.Name, got, role)
			}
		}
	}
	if roles != len(scraped) {
		t.Errorf("%d targets for %d processes: %v", len(scraped), roles, scraped)
	}
}

// TestDockerfile: one static binary on a base without a shell, not as root.
func TestDockerfile(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(composeDir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	last := text[strings.LastIndex(text, "\nFROM "):]
	for in, wants := range map[string][]string{
		text: {"CGO_ENABLED=0 go build", "./cmd/annal"},
		last: {"/distroless/static", "USER 65532:65532", `ENTRYPOINT ["/usr/bin/annal"]`, "ENV ANNAL_DATA=/data", "--chown=65532:65532 /out/data /data"},
	} {
		for _, want := range wants {
			if !strings.Contains(in, want) {
				t.Errorf("%q is not in\n%s", want, in)
			}
		}
	}
	if strings.Contains(last, "RUN ") {
		t.Error("the last stage runs something: its base has no shell")
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	if version == nil || !strings.Contains(text, "FROM golang:"+version[1]+" ") {
		t.Errorf("it builds with another Go than go.mod's %v", version)
	}
}
