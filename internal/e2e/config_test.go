package e2e

import (
	"annal/internal/annaltest"

	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServerFromAFile: settings from a file, one of them given by a flag besides, and a health
// check that finds the server by what it was told.
func TestServerFromAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "annal.yaml")
	content := "data: " + filepath.Join(dir, "data") + "\npartitions: 3\nhttp: 127.0.0.1:1\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := annaltest.Serve(t, "dev-file", "dev", "--config", file) // and --http, which comes before the file
	if s.At.Data != filepath.Join(dir, "data") {
		t.Errorf("its data is in %s, not where the file says", s.At.Data)
	}
	if out := annaltest.Run(t, "health", "--http", strings.TrimPrefix(s.At.HTTP, "http://")); out != "ready" {
		t.Errorf("health prints %q, want ready", out)
	}
	out := annaltest.Run(t, "config", "dev", "--config", file)
	if !strings.Contains(out, "partitions: 3 # "+file+", line 2") || !strings.Contains(out, "sync-writes: false\n") {
		t.Errorf("config prints\n%s", out)
	}
}
