package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers says what each package may import of burn itself. Imports go one way;
// a package that is missing here fails the test, so that its place is decided.
var layers = map[string][]string{
	"burn": {"burn/report/command"},
	"burn/report/command": {
		"burn/analyze", "burn/ingest", "burn/ingest/demo", "burn/ingest/price", "burn/proxy", "burn/proxy/provider", "burn/proxy/usage",
		"burn/report", "burn/report/manual", "burn/report/settings",
	},
	"burn/report":            {"burn/analyze"},
	"burn/report/manual":     {},
	"burn/report/settings":   {},
	"burn/analyze":           {"burn/queries"},
	"burn/queries":           {},
	"burn/ingest":            {"burn/ingest/price", "burn/proxy/usage", "burn/queries"},
	"burn/ingest/price":      {"burn/proxy/usage"},
	"burn/ingest/demo":       {"burn/proxy/usage"},
	"burn/proxy":             {"burn/proxy/provider", "burn/proxy/usage"},
	"burn/proxy/bench":       {"burn/proxy"},
	"burn/proxy/provider":    {"burn/proxy/usage"},
	"burn/proxy/usage":       {},
	"burn/testdata/pictures": {},
	"burn/testdata/sdk":      {},
}

// owners says which packages may import an outside library, by the beginning of
// its path.
var owners = map[string][]string{
	"github.com/urfave/cli/":            {"burn/report/command"},
	"golang.org/x/term":                 {"burn/report/command"},
	"golang.org/x/sync/":                {"burn/analyze"},
	"github.com/marcboeker/go-duckdb/":  {"burn/ingest"},
	"github.com/olekukonko/tablewriter": {"burn/report"},
	"github.com/go-echarts/go-echarts/": {"burn/report"},
	"github.com/wneessen/go-mail":       {"burn/report"},
	"go.yaml.in/yaml/":                  {"burn/report/settings"},
	"github.com/andybalholm/brotli":     {"burn/proxy/provider"},
	"github.com/klauspost/compress/":    {"burn/proxy/provider", "burn/ingest"},
	"github.com/zeebo/xxh3":             {"burn/proxy/provider"},
	"github.com/klauspost/cpuid/v2":     {"burn/proxy/provider"},
	"github.com/VictoriaMetrics/":       {"burn/proxy"},
}

// imports returns the import paths of every package's files, tests left out,
// whatever their build tags.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		pkg := path.Join("burn", filepath.ToSlash(filepath.Dir(name)))
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		found[pkg] = append(found[pkg], []string{}...)
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[pkg] = append(found[pkg], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImportsGoOneWay(t *testing.T) {
	found := imports(t)
	if len(found["burn"]) == 0 || len(found["burn/ingest"]) == 0 {
		t.Fatal("the walk missed packages")
	}
	for pkg, paths := range found {
		allowed, known := layers[pkg]
		if !known {
			t.Errorf("package %s has no place in the layers", pkg)
			continue
		}
		for _, p := range paths {
			switch own := p == "burn" || strings.HasPrefix(p, "burn/"); {
			case own && !slices.Contains(allowed, p):
				t.Errorf("%s imports %s", pkg, p)
			case !own && strings.Contains(strings.Split(p, "/")[0], ".") && !owns(pkg, p):
				t.Errorf("%s imports %s, which it does not own", pkg, p)
			}
		}
	}
	for pkg := range layers {
		if _, err := os.Stat(filepath.Join(".", strings.TrimPrefix(pkg, "burn"))); err != nil {
			t.Errorf("layers name %s: %v", pkg, err)
		}
	}
}

func owns(pkg, library string) bool {
	for prefix, pkgs := range owners {
		if strings.HasPrefix(library, prefix) {
			return slices.Contains(pkgs, pkg)
		}
	}
	return false
}

// TestProxyNeverLinksDuckDB looks at everything that is linked in, with cgo and
// without.
func TestProxyNeverLinksDuckDB(t *testing.T) {
	tests := []struct {
		name, pkg, cgo string
		duckdb         bool
	}{
		{"the proxy with cgo", "./proxy", "1", false},
		{"the proxy without", "./proxy", "0", false},
		{"the whole program without cgo", ".", "0", false},
		{"the whole program with cgo", ".", "1", true}, // the test can see it
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("go", "list", "-deps", tt.pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED="+tt.cgo)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(out), "duckdb"); got != tt.duckdb {
				t.Errorf("links DuckDB: %v, want %v", got, tt.duckdb)
			}
		})
	}
}
