package parley_test

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/parley-chat/parley/"

var update = flag.Bool("update", false, "write the table of packages into ARCHITECTURE.md")

// room is one folder of the house: what it is, and which packages of this
// module it may import. A name ending in / stands for everything below it.
type room struct {
	dir, what string
	may       []string
}

// house lists every package. It is also the code map of ARCHITECTURE.md, which
// is written with
//
//	go test . -run CodeMap -update
var house = []room{
	{"cmd/parley", "flags, listening, start and stop, the operator's commands",
		[]string{"client", "internal/", "kit/"}},
	{".", "the chat as an `http.Handler` in another Go program, see docs/embed.md",
		[]string{"internal/chat", "internal/hub", "internal/server", "internal/clientinfo", "internal/httperror"}},
	{"client", "a Go client: typed actions, following and resuming, sends that are never doubled",
		[]string{"internal/chat", "internal/wsclient"}},
	{"client/gen", "writes the client's methods and types from `chat.Actions`", []string{"internal/chat"}},
	{"internal/wsclient", "a WebSocket client, cheap enough to have thousands of", nil},
	{"internal/parleytest", "the real server as a child process, for tests",
		[]string{"client", "kit/redistest"}},
	{"internal/server", "the wiring: a core (the domain on its store), and on it a server: hub, handlers, jobs",
		[]string{"internal/", "kit/", "web"}},
	{"internal/chat", "the domain: types, `Event`, `Change`, `Service` with every rule, `Actions`, the ports it needs (`Store`, `Bell`, …)",
		nil},
	{"internal/chat/chattest", "the suite that every store passes, a store in memory to compare with, and one fixture for all tests",
		[]string{"internal/chat", "internal/identity", "internal/limit"}},
	{"internal/backend", "what every store brings: the drivers that internal/server opens by URL",
		[]string{"internal/chat", "internal/hub", "internal/migrate", "internal/preview"}},
	{"internal/sqlite", "the embedded store",
		[]string{"internal/chat", "internal/backend", "internal/hub", "internal/limit", "internal/migrate"}},
	{"internal/redisstore", "the store in Redis, its bell (sharded pub/sub) and who is online on which node",
		[]string{"internal/chat", "internal/backend", "internal/identity", "internal/limit",
			"internal/links", "internal/migrate", "kit/"}},
	{"internal/migrate", "moving everything from one store to another, as records that both understand",
		[]string{"internal/chat"}},
	{"internal/hub", "one node's live connections: a cursor and a ring per stream, fan-out, presence",
		[]string{"internal/chat", "internal/wire"}},
	{"internal/wire", "JSON-RPC frames, strict decoding, error codes", []string{"internal/chat"}},
	{"internal/websocket/", "a WebSocket server: frames, reading without buffers, many frames a write",
		[]string{"internal/websocket/"}},
	{"internal/live", "one live session: admission, log-in, sync, calls, limits, the end; for all transports",
		[]string{"internal/chat", "internal/hub", "internal/wire", "internal/clientinfo"}},
	{"internal/ws", "chat over WebSocket: JSON-RPC, a codec on live and websocket",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/wire", "internal/httperror",
			"internal/websocket"}},
	{"internal/socketio/", "Engine.IO 4 and Socket.IO 5, knowing nothing of chat",
		[]string{"internal/socketio/", "internal/websocket/"}},
	{"internal/siochat", "chat over Socket.IO: a codec on live and socketio",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/wire", "internal/clientinfo",
			"internal/httperror", "internal/socketio"}},
	{"internal/compat", "what the client of the Redis chat demo for Node.js needs (`--compat`)",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/clientinfo", "internal/httperror",
			"internal/siochat", "internal/socketio"}},
	{"internal/demoimport", "the demo's people, rooms and messages",
		[]string{"internal/chat", "internal/identity"}},
	{"internal/verify", "clients that record what they saw while things break, and the judge of it",
		[]string{"client", "internal/chat", "internal/wsclient"}},
	{"internal/rest", "the REST API: a route per action, OpenAPI, problems, the static client",
		[]string{"internal/chat", "internal/hub", "internal/wire", "internal/clientinfo", "internal/httperror"}},
	{"internal/incoming", "incoming webhooks: posts in the formats of Slack and GitHub, as markdown",
		[]string{"internal/chat", "internal/clientinfo", "internal/httperror"}},
	{"internal/follow", "followers of the log: positions in streams, gaps, retries, one node at a time",
		[]string{"internal/chat"}},
	{"internal/outgoing", "outgoing webhooks, a follower: signs, retries, keeps dead letters",
		[]string{"internal/chat", "internal/follow", "internal/netguard"}},
	{"internal/clientinfo", "the client of an HTTP request: address, credentials, origin; for all handlers",
		[]string{"internal/chat"}},
	{"internal/httperror", "the table from the domain's errors to HTTP statuses", []string{"internal/chat"}},
	{"internal/identity", "password hashes, secrets, ids, names that cannot be mistaken",
		[]string{"internal/chat"}},
	{"internal/limit", "exact sliding windows in memory", []string{"internal/chat"}},
	{"internal/blob", "the bytes of uploads, in a directory or in an S3-compatible bucket", nil},
	{"internal/picture", "what a file is by its bytes; pictures without metadata, upright, with thumbnails",
		nil},
	{"internal/files", "the files that people send: makes pictures safe, keeps the bytes of all",
		[]string{"internal/chat", "internal/blob", "internal/picture"}},
	{"internal/links", "what the links of messages lead to: previews, safe small pictures, their cache",
		[]string{"internal/chat", "internal/netguard", "internal/picture", "internal/preview", "kit/cache"}},
	{"internal/preview", "what a link leads to, fetched from public addresses only",
		[]string{"internal/netguard"}},
	{"internal/netguard", "where users may have the server connect: public addresses, and what the operator allows", nil},
	{"internal/demo", "four people for an empty server", []string{"internal/chat"}},
	{"kit/", "Redis building blocks for any Go program, a module of its own; knows nothing of chat",
		[]string{"kit/"}},
	{"web", "the React client (`src`), as built (`dist`), embedded (`embed.go`)", nil},
	{"bench", "the figures of the design, measured on the real server",
		[]string{"client", "internal/", "cmd/"}},
	{"bench/picture", "draws the README’s picture of the figures", nil},
	{"examples/embed", "the chat inside another program", []string{"."}},
	{"examples/client", "a bot on the Go client", []string{"client"}},
	{"examples/", "small programs on the kit", []string{"kit/", "examples/internal/"}},
}

// outside says which packages may import what beyond the standard library, for
// those that are bound to less than "a library that fits".
var outside = map[string][]string{
	".":                   {"github.com/prometheus/client_golang"},
	"internal/chat":       {},
	"internal/blob":       {"github.com/minio/minio-go/v7"},
	"internal/picture":    {"golang.org/x/image/", "golang.org/x/sync/"},
	"internal/preview":    {"golang.org/x/net/html"},
	"internal/websocket/": {"github.com/gobwas/ws"},
	"internal/socketio/":  {"golang.org/x/"},
	"kit/redistest":       {"github.com/redis/rueidis", "go.uber.org/goleak"},
	"examples/":           {},
	"client":              {}, "internal/wsclient": {"github.com/gobwas/ws"},
	"kit/prom": {"github.com/prometheus/client_golang"},
	"kit/":     {"github.com/redis/rueidis", "github.com/maypok86/otter/v2", "github.com/oklog/ulid/v2"},
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
		allowed, ok := find(imports(), dir)
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
			if libs, bound := find(outside, dir); bound && strings.Contains(first, ".") &&
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

// find returns the table's entry for a folder: its own, or that of a folder
// above it that ends in /.
func find(table map[string][]string, dir string) ([]string, bool) {
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

func imports() map[string][]string {
	table := map[string][]string{}
	for _, r := range house {
		table[r.dir] = r.may
	}
	return table
}

// TestCodeMap holds the table in ARCHITECTURE.md against the rules above.
func TestCodeMap(t *testing.T) {
	const path, head, foot = "ARCHITECTURE.md", "| folder | what it is | may import |\n|---|---|---|\n", "\n\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), head)
	_, after, ends := strings.Cut(rest, foot)
	if !ok || !ends {
		t.Fatalf("%s has no table that begins with %q", path, head)
	}
	var rows []string
	for _, r := range house {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", r.dir, r.what, shown(r)))
		if info, err := os.Stat(r.dir); err != nil || !info.IsDir() {
			t.Errorf("the table names %s, which is not there", r.dir)
		}
	}
	want := before + head + strings.Join(rows, "\n") + foot + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not the one in house_test.go: run go test . -run CodeMap -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shown says in the table what a package may import.
func shown(r room) string {
	libs, bound := outside[r.dir]
	if len(r.may) == 0 && bound && len(libs) == 0 {
		return "the standard library only"
	}
	var may []string
	for _, m := range r.may {
		switch short, inside := strings.CutPrefix(m, "internal/"); {
		case m == "internal/":
			may = append(may, "all of internal")
		case inside && strings.HasPrefix(r.dir, "internal/"):
			may = append(may, strings.TrimSuffix(short, "/"))
		default:
			may = append(may, strings.TrimSuffix(m, "/"))
		}
	}
	if may == nil {
		return "–"
	}
	return strings.Join(may, ", ")
}
