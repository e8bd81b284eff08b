package parley_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/parley-chat/parley/"

// mayKnow says which packages of this module each one may import, besides the
// standard library. A name ending in / stands for everything below it. See
// ARCHITECTURE.md.
var mayKnow = map[string][]string{
	"internal/chat":          {},
	"internal/chat/chattest": {"internal/chat"},
	"internal/identity":      {"internal/chat"},
	"internal/limit":         {"internal/chat"},
	"internal/blob":          {},
	"internal/picture":       {},
	"internal/public":        {},
	"internal/preview":       {"internal/public"},
	"internal/links":         {"internal/chat", "internal/picture", "internal/preview", "kit/cache"},
	"internal/depot":         {"internal/chat", "internal/blob", "internal/picture"},
	"internal/demo":          {"internal/chat"},
	"internal/migrate":       {"internal/chat"},
	"internal/demoimport":    {"internal/chat", "internal/identity"},
	"internal/verify":        {"internal/chat"},
	"internal/sqlite":        {"internal/chat", "internal/migrate"},
	"internal/redisstore":    {"internal/chat", "internal/migrate", "kit/"},
	"internal/visitor":       {"internal/chat"},
	"internal/wire":          {"internal/chat"},
	"internal/hub":           {"internal/chat", "internal/wire"},
	"internal/ws":            {"internal/chat", "internal/hub", "internal/wire", "internal/visitor"},
	"internal/socketio/":     {"internal/socketio/"},
	"internal/siodoor": {"internal/chat", "internal/hub", "internal/wire", "internal/visitor",
		"internal/socketio"},
	"internal/compat":   {"internal/chat", "internal/hub", "internal/visitor", "internal/socketio"},
	"internal/rest":     {"internal/chat", "internal/hub", "internal/wire", "internal/visitor"},
	"internal/incoming": {"internal/chat", "internal/visitor"},
	"internal/outgoing": {"internal/chat", "internal/public"},
	"internal/server":   {"internal/", "kit/", "web"},
	".":                 {"internal/chat", "internal/hub", "internal/server", "internal/visitor"},
	"cmd/parley":        {"internal/", "kit/"},
	"examples/embed":    {"."},
	"bench":             {"internal/", "cmd/"},
	"bench/picture":     {},
	"kit/":              {"kit/"},
	"examples/":         {"kit/", "examples/internal/"},
	"web":               {},
}

// outside says which packages may import what beyond the standard library, for
// those that are bound to less than "a library that fits".
var outside = map[string][]string{
	".":                  {"github.com/prometheus/client_golang"},
	"internal/chat":      {},
	"internal/blob":      {"github.com/minio/minio-go/v7"},
	"internal/picture":   {"golang.org/x/image/", "golang.org/x/sync/"},
	"internal/preview":   {"golang.org/x/net/html"},
	"internal/socketio/": {"github.com/gobwas/ws", "golang.org/x/"},
	"kit/redistest":      {"github.com/redis/rueidis", "go.uber.org/goleak"},
	"examples/":          {},
	"kit/": {"github.com/redis/rueidis", "github.com/maypok86/otter/v2",
		"github.com/prometheus/client_golang", "github.com/oklog/ulid/v2", "golang.org/x/"},
}

func TestWhoMayKnowWhom(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" ||
			path != "." && strings.HasPrefix(entry.Name(), ".") || path == filepath.Join("kit", "bench")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		allowed, ok := rule(mayKnow, dir)
		if !ok {
			t.Errorf("%s: no rule says what %s may import: add it to the table", path, dir)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			inside, ok := strings.CutPrefix(name, module)
			if name+"/" == module {
				inside, ok = ".", true
			}
			if ok {
				if !matches(allowed, inside) {
					t.Errorf("%s imports %s, which %s may not know", path, inside, dir)
				}
				continue
			}
			first, _, _ := strings.Cut(name, "/")
			if libs, bound := rule(outside, dir); bound && strings.Contains(first, ".") &&
				!slices.ContainsFunc(libs, func(l string) bool { return strings.HasPrefix(name, l) }) {
				t.Errorf("%s imports %s, which %s may not know", path, name, dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// rule finds the table's entry for a folder: its own, or that of a folder above
// it that ends in /.
func rule(table map[string][]string, dir string) ([]string, bool) {
	if r, ok := table[dir]; ok {
		return r, true
	}
	for name, r := range table {
		if strings.HasSuffix(name, "/") && strings.HasPrefix(dir+"/", name) {
			return r, true
		}
	}
	return nil, false
}

func matches(allowed []string, name string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == name || strings.HasSuffix(a, "/") && strings.HasPrefix(name+"/", a)
	})
}
