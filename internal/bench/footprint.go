package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Footprint is what a process holds, in MiB.
type Footprint struct {
	// Resident is what the kernel counts (VmRSS), garbage and the program itself included.
	Resident float64 `json:"resident_mib"`
	// Heap and Stacks are in use by Go, garbage not yet collected included.
	Heap   float64 `json:"heap_mib"`
	Stacks float64 `json:"stacks_mib"`
	// Live is what the last collection found in use, stacks included.
	Live float64 `json:"live_mib"`
}

// footprint reads a server's, which serves metrics at url.
func footprint(ctx context.Context, pid int, url string) (Footprint, error) {
	resident, err := residentMiB(pid)
	if err != nil {
		return Footprint{}, err
	}
	m, err := scrape(ctx, url)
	if err != nil {
		return Footprint{}, err
	}
	f := Footprint{Resident: resident}
	for name, to := range map[string]*float64{"go_memstats_heap_inuse_bytes": &f.Heap, "go_memstats_stack_inuse_bytes": &f.Stacks, "go_gc_heap_live_bytes": &f.Live} {
		v, ok := m[name]
		if !ok {
			return Footprint{}, fmt.Errorf("bench: the server has no metric %s", name)
		}
		*to = v / (1 << 20)
	}
	f.Live += f.Stacks
	return f, nil
}

// scrapeTimeout bounds one reading of metrics.
const scrapeTimeout = 10 * time.Second

// scrape reads a server's metrics that have no labels, by name.
func scrape(ctx context.Context, url string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("bench: metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("bench: metrics: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("bench: metrics: %w", err)
	}
	return plainMetrics(string(body)), nil
}

// plainMetrics reads Prometheus's text: "name value" a line. What has labels, and
// comments, are passed over.
func plainMetrics(text string) map[string]float64 {
	m := map[string]float64{}
	for l := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(l), " ")
		if !ok || strings.ContainsAny(name, "#{") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m
}

// clockTicks is what Linux counts CPU time in, to programs: 100 a second everywhere.
const clockTicks = 100

// cpuSeconds is how long a process has run, on all cores (utime and stime of proc(5)).
func cpuSeconds(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	return parseStat(string(data))
}

// parseStat reads fields 14 and 15, counted behind the name, which may hold anything.
func parseStat(stat string) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("bench: CPU time: %.100q", stat)
	}
	user, err := strconv.ParseUint(fields[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("bench: CPU time: %w", err)
	}
	system, err := strconv.ParseUint(fields[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("bench: CPU time: %w", err)
	}
	return float64(user+system) / clockTicks, nil
}
