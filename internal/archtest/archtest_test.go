package archtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRules is the check of this module.
func TestRules(t *testing.T) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := load(strings.TrimSpace(string(root)))
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 2 {
		t.Fatalf("found %d packages: the rules would pass on nothing", len(pkgs))
	}
	for _, v := range apply(rules(), pkgs) {
		t.Error(v)
	}
}

// planted are files of a module "annal" that break the rules, each with the rule it breaks (and no other is broken).
var planted = []struct {
	rule  string
	files map[string]string
}{
	{"events is pure", map[string]string{"pkg/events/a.go": "package events\nimport _ \"os\"\n"}},
	{"events is pure", map[string]string{"pkg/events/codec/a.go": "package codec\nimport _ \"annal/pkg/session\"\n", "pkg/session/a.go": "package session\n"}},
	{"session sees events only", map[string]string{"pkg/session/a.go": "package session\nimport _ \"annal/gen/x\"\n", "gen/x/a.go": "package x\n"}},
	{"the core has no clock, no randomness and no goroutines", map[string]string{"pkg/session/a.go": "package session\nimport clock \"time\"\nvar T = clock.Now\n"}},
	{"the core has no clock, no randomness and no goroutines", map[string]string{"pkg/session/a.go": "package session\nfunc f() { go f() }\n"}},
	{"the core has no clock, no randomness and no goroutines", map[string]string{"pkg/events/a.go": "package events\nfunc f(c chan int) { select { case <-c: default: } }\n"}},
	{"no driver behind the core's back", map[string]string{
		"pkg/events/a.go":           "package events\nimport _ \"annal/gen/x\"\n",
		"gen/x/a.go":                "package x\nimport _ \"annal/cmd/y/z\"\n",
		"cmd/y/z/a.go":              "package z\nimport _ \"annal/pkg/connectors/redis\"\n",
		"pkg/connectors/redis/a.go": "package redis\n",
	}},
	{"eventlog is a port", map[string]string{"pkg/eventlog/a.go": "package eventlog\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n"}},
	{"projections stand alone", map[string]string{"pkg/projections/hot/a.go": "package hot\nimport _ \"annal/pkg/projections/push\"\n", "pkg/projections/push/a.go": "package push\n"}},
	{"projections stand alone", map[string]string{"pkg/projections/hot/view/a.go": "package view\nimport _ \"annal/pkg/session\"\n", "pkg/session/a.go": "package session\n"}},
	{"projections stand alone", map[string]string{"pkg/projections/hot/a.go": "package hot\nimport _ \"github.com/redis/go-redis/v9\"\n"}},
	{"connectors don't know each other", map[string]string{"pkg/connectors/redis/a.go": "package redis\nimport _ \"annal/pkg/connectors/kafka\"\n", "pkg/connectors/kafka/a.go": "package kafka\n"}},
	{"a connector has one driver", map[string]string{"pkg/connectors/redis/a.go": "package redis\nimport (\n_ \"github.com/redis/go-redis/v9\"\n_ \"github.com/twmb/franz-go/pkg/kgo\"\n)\n"}},
	{"only wiring imports connectors", map[string]string{"pkg/gateway/ws/a.go": "package ws\nimport _ \"annal/pkg/connectors/kafka\"\n", "pkg/connectors/kafka/a.go": "package kafka\n"}},
	{"the public packages don't need the private ones", map[string]string{"pkg/client/a.go": "package client\nimport _ \"annal/internal/app\"\n", "internal/app/a.go": "package app\n"}},
	{"examples have what others have", map[string]string{"examples/a/a.go": "package main\nimport _ \"annal/internal/app\"\n", "internal/app/a.go": "package app\n"}},
	{"examples have what others have", map[string]string{"examples/a/a.go": "package main\nimport _ \"annal/pkg/connectors/redis\"\n", "pkg/connectors/redis/a.go": "package redis\n"}},
	{"examples have what others have", map[string]string{"examples/a/a.go": "package main\nimport _ \"annal/pkg/login\"\n", "pkg/login/a.go": "package login\n"}},
	{"the checker of chaos stands apart", map[string]string{"internal/chaos/check/a.go": "package check\n\nimport _ \"annal/pkg/events\"\n", "pkg/events/b.go": "package events\n"}},
	{"the checker of push stands apart", map[string]string{"internal/pushkill/check/a.go": "package check\n\nimport _ \"annal/pkg/events\"\n", "pkg/events/b.go": "package events\n"}},
	{"the load of chaos stands apart", map[string]string{"internal/chaos/load/a.go": "package load\n\nimport _ \"annal/pkg/client\"\n", "pkg/client/b.go": "package client\n"}},
	{"packages are named after things", map[string]string{"pkg/helpers/a.go": "package helpers\n"}},
	{"files say one thing", map[string]string{"pkg/long/a.go": "package long\n" + strings.Repeat("\n", maxLines)}},
	{"files say one thing", map[string]string{"pkg/long/a_test.go": "package long\n" + strings.Repeat("\n", maxLines)}},
}

// allowed is code that comes close to the rules and keeps them.
var allowed = map[string]string{
	"pkg/events/a.go":                "package events\nimport (\n_ \"time\"\n_ \"annal/gen/x\"\n)\n",
	"pkg/events/a_test.go":           "package events\nimport (\n_ \"os\"\n\"time\"\n)\nvar _ = time.Now\n",
	"pkg/session/a.go":               "package session\nimport (\n_ \"annal/pkg/events\"\n\"time\"\n)\ntype now struct{ Now time.Duration }\nvar time_ now\nvar _ = time_.Now\n",
	"gen/x/a.go":                     "// Code generated by x. DO NOT EDIT.\n\npackage x\n" + strings.Repeat("\n", maxLines),
	"pkg/projections/hot/a.go":       "package hot\nimport _ \"annal/pkg/projections/hot/view\"\n",
	"pkg/projections/hot/view/a.go":  "package view\nimport _ \"annal/pkg/events\"\n",
	"pkg/projections/projections.go": "package projections\n",
	"pkg/connectors/kafka/a.go":      "package kafka\nimport (\n_ \"github.com/twmb/franz-go/pkg/kgo\"\n_ \"github.com/twmb/franz-go/pkg/kadm\"\n)\n",
	"pkg/gateway/ws/a_test.go":       "package ws\nimport _ \"annal/pkg/connectors/kafka\"\n",
	"examples/a/a.go":                "package main\nimport (\n_ \"annal/pkg/connectors/kafka\"\n_ \"annal/pkg/projections/follow\"\n)\n",
	"pkg/projections/follow/a.go":    "package follow\n",
	"internal/app/a.go":              "package app\nimport _ \"annal/pkg/connectors/kafka\"\n",
}

func TestEachRuleIsSeenToFail(t *testing.T) {
	failed := map[string]bool{}
	for i, plant := range planted {
		t.Run(fmt.Sprintf("%d %s", i, plant.rule), func(t *testing.T) {
			violations := checkModule(t, plant.files)
			if len(violations) == 0 {
				t.Fatal("not found")
			}
			for _, v := range violations {
				if !strings.Contains(v, "rule: "+plant.rule+"\n") {
					t.Errorf("broke another rule as well:\n%s", v)
				}
			}
			failed[plant.rule] = true
		})
	}
	for _, r := range rules() {
		if !failed[r.name] {
			t.Errorf("rule %q has no planted violation", r.name)
		}
	}
}

func TestWhatIsAllowed(t *testing.T) {
	for _, v := range checkModule(t, allowed) {
		t.Error(v)
	}
}

// checkModule writes the files into a module of their own and applies the rules. Imports need not be downloadable.
func checkModule(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module annal\n\ngo 1.26\n")
	for name, content := range files {
		write(name, content)
	}
	pkgs, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return apply(rules(), pkgs)
}
