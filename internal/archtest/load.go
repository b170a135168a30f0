package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pkg is what the rules look at in one package of the module.
type pkg struct {
	path    string   // within the module, such as "pkg/session"; "" is its root
	name    string   // of its package clause
	imports []string // direct ones of non-test files; those of this module relative as in path, but with a leading "./"
	deps    []string // all it needs, directly or not, written as in imports
	files   []file
}

// file is one source file. Rules that look at syntax leave tests and generated files alone.
type file struct {
	path      string // within the module
	lines     int
	test      bool
	generated bool
	syntax    *ast.File
	fset      *token.FileSet
}

// load lists the packages of the module in dir.
func load(dir string) ([]pkg, error) {
	// -e: a package that does not build is the compiler's concern; its imports are known all the same.
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Name,Module,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles", "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("archtest: go list in %s: %w", dir, err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var listed struct {
			Dir, ImportPath, Name                              string
			Module                                             *struct{ Path, Dir string }
			Imports, Deps                                      []string
			GoFiles, TestGoFiles, XTestGoFiles, IgnoredGoFiles []string
		}
		if err := dec.Decode(&listed); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("archtest: go list's output: %w", err)
		}
		if listed.Module == nil {
			return nil, fmt.Errorf("archtest: %s is in no module", listed.ImportPath)
		}
		module := listed.Module.Path
		p := pkg{
			path:    strings.TrimPrefix(strings.TrimPrefix(listed.ImportPath, module), "/"),
			name:    listed.Name,
			imports: relative(module, listed.Imports),
			deps:    relative(module, listed.Deps),
		}
		for test, names := range map[bool][]string{false: append(listed.GoFiles, listed.IgnoredGoFiles...), true: append(listed.TestGoFiles, listed.XTestGoFiles...)} {
			for _, name := range names {
				f, err := parse(listed.Dir, p.path, name)
				if err != nil {
					return nil, err
				}
				f.test = test || strings.HasSuffix(name, "_test.go")
				p.files = append(p.files, f)
			}
		}
		pkgs = append(pkgs, p)
	}
}

func parse(dir, pkgPath, name string) (file, error) {
	full := filepath.Join(dir, name)
	src, err := os.ReadFile(full)
	if err != nil {
		return file{}, fmt.Errorf("archtest: %w", err)
	}
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, full, src, parser.ParseComments)
	if err != nil {
		return file{}, fmt.Errorf("archtest: %w", err)
	}
	return file{
		path:      strings.TrimPrefix(pkgPath+"/"+name, "/"),
		lines:     bytes.Count(src, []byte("\n")),
		generated: ast.IsGenerated(syntax),
		syntax:    syntax,
		fset:      fset,
	}, nil
}

// relative writes the module's own packages as "./pkg/session", so that no other import can look like one.
func relative(module string, imports []string) []string {
	out := make([]string, len(imports))
	for i, path := range imports {
		if rest, ok := strings.CutPrefix(path, module+"/"); ok {
			path = "./" + rest
		}
		out[i] = path
	}
	return out
}
