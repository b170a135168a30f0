// Package fuzzcorpus gives fuzz targets what earlier runs came upon: inputs that reach different parts of the code. A
// target's corpus is one file, testdata/corpus/NAME, of Go's own corpus files one behind the other; `make fuzz` writes it.
// With them every ordinary test run tries what once took hours to find, and the next hours begin where those ended.
package fuzzcorpus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Header begins each of Go's corpus files.
const Header = "go test fuzz v1\n"

// Add gives the target its corpus. It fails without one, and for what it cannot read.
func Add(f *testing.F) {
	f.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "corpus", f.Name()))
	if err != nil {
		f.Fatal(err)
	}
	inputs, err := parse(text)
	if err != nil {
		f.Fatal(err)
	}
	for _, args := range inputs {
		f.Add(args...)
	}
}

// parse reads inputs, each of one or more arguments: strings or bytes.
func parse(text []byte) (inputs [][]any, err error) {
	blocks := bytes.Split(text, []byte(Header))
	if len(blocks) < 2 || len(blocks[0]) != 0 {
		return nil, fmt.Errorf("fuzzcorpus: no input, or something before the first: %q", blocks[0])
	}
	for _, block := range blocks[1:] {
		var args []any
		for line := range strings.Lines(string(block)) {
			arg, err := argument(strings.TrimSuffix(line, "\n"))
			if err != nil {
				return nil, err
			}
			args = append(args, arg)
		}
		inputs = append(inputs, args)
	}
	return inputs, nil
}

func argument(line string) (any, error) {
	for kind, of := range map[string]func(string) any{
		"string(": func(s string) any { return s },
		"[]byte(": func(s string) any { return []byte(s) },
	} {
		rest, ok := strings.CutPrefix(line, kind)
		if !ok {
			continue
		}
		quoted, closed := strings.CutSuffix(rest, ")")
		s, err := strconv.Unquote(quoted)
		if !closed || err != nil {
			return nil, fmt.Errorf("fuzzcorpus: %q: not a quoted text in brackets", line)
		}
		return of(s), nil
	}
	return nil, fmt.Errorf("fuzzcorpus: %q is neither a string nor bytes", line)
}
