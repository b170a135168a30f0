package bench

import (
	"os"
	"testing"
)

func TestMetricsWithoutLabels(t *testing.T) {
	m := plainMetrics("# HELP a_b words 7\n# TYPE a_b gauge\na_b 1.5e+07\nwith{code=\"x\"} 3\nnan NaN\nlast 2")
	if len(m) != 3 || m["a_b"] != 15e6 || m["last"] != 2 {
		t.Errorf("read %v, want a_b 15000000, nan and last 2", m)
	}
}

func TestProcessorTime(t *testing.T) {
	// A name may hold spaces and brackets; 14 and 15 are user and system time.
	got, err := parseStat("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 20 0")
	if err != nil || got != 2 {
		t.Errorf("%v s, %v; want 2 s", got, err)
	}
	if _, err := parseStat("7 (short) S 1"); err == nil {
		t.Error("a line cut short is read")
	}
	if got, err := cpuSeconds(os.Getpid()); err != nil || got < 0 {
		t.Errorf("of this process: %v, %v", got, err)
	}
}

func TestDescriptorsAreAskedFor(t *testing.T) {
	if err := allowDescriptors(10); err != nil {
		t.Errorf("a few: %v", err)
	}
	if err := allowDescriptors(2_000_000_000); err == nil {
		t.Error("two billion open files are allowed")
	}
}
