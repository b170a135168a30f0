// Command pack adds what a fuzz target came upon, which Go keeps in its cache, to the target's corpus: see fuzzcorpus.
//
// usage: pack CACHE_DIR FILE
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"annal/internal/fuzzcorpus"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack CACHE_DIR FILE")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// pack writes the file anew: what it had and what the cache has, each once and in order.
func pack(cache, file string) error {
	kept, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		one, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kept = append(kept, one...)
	}
	all := map[string]bool{}
	for block := range bytes.SplitSeq(kept, []byte(fuzzcorpus.Header)) {
		if len(block) > 0 {
			all[string(block)] = true
		}
	}
	var out bytes.Buffer
	for _, block := range slices.Sorted(maps.Keys(all)) {
		out.WriteString(fuzzcorpus.Header + block)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
