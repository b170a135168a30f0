// Package bench measures Annal from outside, through its sockets, beside the floor
// that the same machine allows in the same run.
package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is one measurement: operations done, and their latencies.
type Result struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	Count     int64   `json:"count"`
	P50MS     float64 `json:"p50_ms"`
	P99MS     float64 `json:"p99_ms"`
	MaxMS     float64 `json:"max_ms"`
}

// Report is what `annal bench core` writes.
type Report struct {
	Commit  string    `json:"commit"`
	Time    time.Time `json:"time"`
	Machine Machine   `json:"machine"`
	Runs    []Run     `json:"runs"`
}

// Run is all measurements against one kind of engines, the floor among them.
type Run struct {
	Engines string   `json:"engines"`
	Results []Result `json:"results"`
}

// Machine is where it was measured; absolute figures drift between machines.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	MemGiB int    `json:"mem_gib"`
	OS     string `json:"os"`
	Go     string `json:"go"`
}

// ThisMachine describes the machine as far as Linux tells; unknown parts are empty.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name")
	var kib int
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d", &kib); err == nil {
		m.MemGiB = (kib + 1<<19) >> 20
	}
	return m
}

func field(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for l := range strings.SplitSeq(string(data), "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Write writes the report as JSON.
func (r Report) Write(path string) error { return write(path, r) }

// Write writes the report as JSON.
func (r IdleReport) Write(path string) error { return write(path, r) }

func write(path string, r any) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// latencies gathers from many goroutines, 1 µs to 60 s at three digits.
type latencies struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newLatencies() *latencies {
	return &latencies{h: hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)}
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Above the range counts as its end.
	_ = l.h.RecordValue(min(max(d.Microseconds(), 1), l.h.HighestTrackableValue()))
}

// result is of what was gathered within seconds.
func (l *latencies) result(name string, seconds float64) Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Result{
		Name: name, PerSecond: math.Round(float64(l.h.TotalCount()) / seconds), Count: l.h.TotalCount(),
		P50MS: ms(l.h.ValueAtQuantile(50)), P99MS: ms(l.h.ValueAtQuantile(99)), MaxMS: ms(l.h.Max()),
	}
}
