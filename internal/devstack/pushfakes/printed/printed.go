// Package printed reads what vendors print in their documents, as a fake's testdata keeps it, for the fake's tests.
package printed

import (
	"os"
	"path/filepath"
	"testing"
)

// Sample is a file of the testdata of the package under test.
func Sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
