package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// maxLines is where a file has stopped saying one thing.
const maxLines = 500

// rule is one thing the code must keep to.
type rule struct {
	name   string
	reason string
	check  func(p pkg) []string // what in p breaks it
}

// rules is the shape of Annal.
func rules() []rule {
	return []rule{
		{
			name:   "events is pure",
			reason: "what an event means must not depend on the machine that reads it (P5)",
			check: within("pkg/events", importsOnly(func(p pkg, imported string) bool {
				return pureStd(imported) || under(imported, "./gen") || under(imported, "./pkg/events") || under(imported, "google.golang.org/protobuf")
			})),
		},
		{
			name:   "session sees events only",
			reason: "the rules decide from rows and a command alone, so that a replay decides the same (P5)",
			check: within("pkg/session", importsOnly(func(p pkg, imported string) bool {
				return pureStd(imported) || under(imported, "./pkg/events") || under(imported, "./pkg/session")
			})),
		},
		{
			name:   "the core has no clock, no randomness and no goroutines",
			reason: "time and randomness come in as arguments, and one order of steps is the only one (P5)",
			check: func(p pkg) []string {
				if !under(p.path, "pkg/session") && !under(p.path, "pkg/events") {
					return nil
				}
				return impurities(p)
			},
		},
		{
			name:   "no driver behind the core's back",
			reason: "a package of the core that reaches a driver through another one is not pure either",
			check: func(p pkg) []string {
				if !under(p.path, "pkg/session") && !under(p.path, "pkg/events") {
					return nil
				}
				return matching(p.deps, "needs", func(dep string) bool { return isDriver(dep) || under(dep, "./pkg/connectors") })
			},
		},
		{
			name:   "eventlog is a port",
			reason: "whoever uses the log must not know which broker it is",
			check:  within("pkg/eventlog", importsNone(func(_ pkg, imported string) bool { return isDriver(imported) || under(imported, "./pkg/connectors") })),
		},
		{
			name:   "projections stand alone",
			reason: "a view is built from events only: it can be dropped, rebuilt and changed without looking at another (P4)",
			check: within("pkg/projections", importsNone(func(p pkg, imported string) bool {
				own := topUnder(p.path, "pkg/projections")
				sibling := topUnder(strings.TrimPrefix(imported, "./"), "pkg/projections")
				// follow is what projections without a view of their own are made of.
				return isDriver(imported) || under(imported, "./pkg/connectors") || under(imported, "./pkg/session") ||
					under(imported, "./pkg/projections") && sibling != "" && own != "" && sibling != own && sibling != "follow"
			})),
		},
		{
			name:   "connectors don't know each other",
			reason: "a connector is one driver behind one or more ports; what two share belongs to the port",
			check: within("pkg/connectors", importsNone(func(p pkg, imported string) bool {
				other := topUnder(strings.TrimPrefix(imported, "./"), "pkg/connectors")
				return under(imported, "./pkg/connectors") && other != topUnder(p.path, "pkg/connectors")
			})),
		},
		{
			name:   "a connector has one driver",
			reason: "two drivers in one package can't be replaced one at a time",
			check: func(p pkg) []string {
				if !under(p.path, "pkg/connectors") {
					return nil
				}
				var drivers []string
				for _, imported := range p.imports {
					if d := driverOf(imported); d != "" && !slices.Contains(drivers, d) {
						drivers = append(drivers, d)
					}
				}
				if len(drivers) > 1 {
					return []string{"imports the drivers " + strings.Join(drivers, " and ")}
				}
				return nil
			},
		},
		{
			name:   "only wiring imports connectors",
			reason: "everything else takes a port, so that memory, embedded and real engines are interchangeable",
			check: func(p pkg) []string {
				// An example is a whole program: what it may wire is said below.
				if under(p.path, "pkg/connectors") || under(p.path, "internal/app") || under(p.path, "cmd") || under(p.path, "internal/devstack") || under(p.path, "examples") {
					return nil
				}
				return matching(p.imports, "imports", func(imported string) bool { return under(imported, "./pkg/connectors") })
			},
		},
		{
			name:   "the public packages don't need the private ones",
			reason: "pkg/ is what others build on; internal/ wires it up",
			check: within("pkg", importsNone(func(_ pkg, imported string) bool {
				return under(imported, "./internal/app") || under(imported, "./internal/devstack") || under(imported, "./cmd")
			})),
		},
		{
			name:   "examples have what others have",
			reason: "a service that others write has the log and a token, and nothing of ours beside the public packages; what signs people in is not its business",
			check: within("examples", importsNone(func(_ pkg, imported string) bool {
				return under(imported, "./internal") || under(imported, "./cmd") || under(imported, "./pkg/login") || under(imported, "./pkg/accounts") ||
					under(imported, "./pkg/connectors") && !under(imported, "./pkg/connectors/kafka")
			})),
		},
		{
			name:   "the checker of chaos stands apart",
			reason: "a rule that product and checker share would be wrong in both, and never found",
			check: within("internal/chaos/check", importsNone(func(_ pkg, imported string) bool {
				return under(imported, "./pkg") || under(imported, "./internal") || under(imported, "./cmd")
			})),
		},
		{
			name:   "the checker of push stands apart",
			reason: "as that of chaos",
			check: within("internal/pushkill/check", importsNone(func(_ pkg, imported string) bool {
				return under(imported, "./pkg") || under(imported, "./internal") || under(imported, "./cmd")
			})),
		},
		{
			name:   "the load of chaos stands apart",
			reason: "what it records must not have gone through the product's own client",
			check: within("internal/chaos/load", importsNone(func(_ pkg, imported string) bool {
				return under(imported, "./pkg") || under(imported, "./internal") && !under(imported, "./internal/chaos") || under(imported, "./cmd")
			})),
		},
		{
			name:   "packages are named after things",
			reason: "util, common and the like collect what nobody thought about",
			check: func(p pkg) []string {
				for _, name := range []string{p.name, path.Base(p.path)} {
					if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "tools", "base", "shared", "lib"}, name) {
						return []string{"is named " + name}
					}
				}
				return nil
			},
		},
		{
			name:   "files say one thing",
			reason: fmt.Sprintf("past %d lines a reader can't hold a file in mind; split it along what it talks about", maxLines),
			check: func(p pkg) []string {
				var out []string
				for _, f := range p.files {
					if f.lines > maxLines && !f.generated {
						out = append(out, fmt.Sprintf("has %s with %d lines", f.path, f.lines))
					}
				}
				return out
			},
		},
	}
}

// apply runs the rules over the packages and returns one line per violation.
func apply(rules []rule, pkgs []pkg) []string {
	var out []string
	for _, p := range pkgs {
		for _, r := range rules {
			for _, what := range r.check(p) {
				out = append(out, fmt.Sprintf("%s %s\n\trule: %s\n\twhy:  %s", p.path, what, r.name, r.reason))
			}
		}
	}
	return out
}

// drivers are the modules that speak to something outside the process.
var drivers = []string{
	"github.com/twmb/franz-go", "github.com/redis/go-redis", "github.com/alicebob/miniredis", "github.com/ClickHouse",
	"github.com/chdb-io", "github.com/aws", "github.com/minio/minio-go", "github.com/versity", "github.com/gorilla/websocket",
	"github.com/cockroachdb/pebble", "github.com/sideshow/apns2", "firebase.google.com", "github.com/coreos/go-oidc",
	"github.com/SherClockHolmes",
}

func driverOf(imported string) string {
	for _, d := range drivers {
		if under(imported, d) {
			return d
		}
	}
	return ""
}

func isDriver(imported string) bool { return driverOf(imported) != "" }

// pureStd are the packages of the standard library that do no I/O and read no clock (package time does: its functions
// that read the clock are looked for in the syntax), and start nothing.
func pureStd(imported string) bool {
	return slices.Contains([]string{
		"bytes", "cmp", "container/heap", "container/list", "embed", "encoding", "encoding/base32", "encoding/base64",
		"encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/crc32", "hash/fnv", "hash/maphash",
		"iter", "maps", "math", "math/big", "math/bits", "net/netip", "reflect", "regexp", "slices", "sort", "strconv",
		"strings", "sync", "sync/atomic", "time", "unicode", "unicode/utf8", "unique",
		"crypto/cipher", "crypto/aes", "crypto/hmac", "crypto/sha256", "crypto/sha512", "crypto/subtle",
	}, imported)
}

// impurities finds goroutines, clocks and random numbers in the syntax of non-test files.
func impurities(p pkg) []string {
	var out []string
	for _, f := range p.files {
		if f.test || f.generated {
			continue
		}
		at := func(n ast.Node, what string) {
			out = append(out, fmt.Sprintf("%s at %s:%d", what, f.path, f.fset.Position(n.Pos()).Line))
		}
		names := map[string]string{} // local name of an import to its path
		for _, spec := range f.syntax.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			local := path.Base(imported)
			if local == "v2" {
				local = path.Base(path.Dir(imported))
			}
			if spec.Name != nil {
				local = spec.Name.Name
			}
			names[local] = imported
			if local == "." {
				at(spec, "dot-imports "+imported)
			}
			if slices.Contains([]string{"math/rand", "math/rand/v2", "crypto/rand", "context", "log", "log/slog"}, imported) {
				at(spec, "imports "+imported)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				at(n, "starts a goroutine")
			case *ast.SelectStmt:
				at(n, "selects between channels")
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if ok && names[x.Name] == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "Sleep", "NewTimer", "NewTicker"}, n.Sel.Name) {
					at(n, "uses time."+n.Sel.Name)
				}
			}
			return true
		})
	}
	return out
}

// within limits a check to the packages at and below place.
func within(place string, check func(p pkg) []string) func(p pkg) []string {
	return func(p pkg) []string {
		if !under(p.path, place) {
			return nil
		}
		return check(p)
	}
}

// importsOnly reports each direct import that is not allowed.
func importsOnly(allowed func(p pkg, imported string) bool) func(p pkg) []string {
	return importsNone(func(p pkg, imported string) bool { return !allowed(p, imported) })
}

// importsNone reports each direct import that is forbidden.
func importsNone(forbidden func(p pkg, imported string) bool) func(p pkg) []string {
	return func(p pkg) []string {
		return matching(p.imports, "imports", func(imported string) bool { return forbidden(p, imported) })
	}
}

func matching(imports []string, verb string, bad func(string) bool) []string {
	var out []string
	for _, imported := range imports {
		if bad(imported) {
			out = append(out, verb+" "+imported)
		}
	}
	return out
}

// under says whether path is place or below it.
func under(path, place string) bool {
	return path == place || strings.HasPrefix(path, place+"/")
}

// topUnder is the first element of path below place, "" at or outside place.
func topUnder(path, place string) string {
	rest, ok := strings.CutPrefix(path, place+"/")
	if !ok {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}
