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
// module it may import. A name ending in / stands for everything below it. The
// layer is that of all that follow. A room that says nothing of itself belongs
// to the one before.
type room struct {
	layer, dir, what string
	may              []string
}

// house lists every package. It is also the code map of ARCHITECTURE.md, which
// is written with
//
//	go test . -run CodeMap -update
var house = []room{
	{"programs", "cmd/parley", "the server: flags, start and stop, the operator's commands",
		[]string{"client", "internal/", "kit/"}},
	{"", ".", "the chat as an `http.Handler` in another Go program: docs/embed.md",
		[]string{"internal/chat", "internal/hub", "internal/server",
			"internal/clientinfo", "internal/httperror"}},
	{"", "client", "a Go client: typed actions, following and resuming, safe retries",
		[]string{"internal/chat", "internal/wsclient"}},
	{"", "internal/server", "the wiring: a core (the domain on a store), and on it the handlers and jobs",
		[]string{"internal/", "kit/", "web"}},
	{"domain", "internal/chat", "types, `Event`, `Change`, `Service` with every rule, `Actions`, and the ports it needs (`Store`, `Bell`, …)",
		nil},
	{"", "internal/identity", "password hashes, secrets, ids, names that no other name looks like",
		[]string{"internal/chat"}},
	{"", "internal/limit", "exact sliding windows in memory", []string{"internal/chat"}},
	{"", "internal/follow", "followers of the log: positions, gaps, retries, one node at a time",
		[]string{"internal/chat"}},
	{"stores", "internal/backend", "what every store provides: the drivers that internal/server opens by URL",
		[]string{"internal/chat", "internal/hub", "internal/migrate", "internal/preview"}},
	{"", "internal/sqlite", "the embedded store",
		[]string{"internal/chat", "internal/backend", "internal/hub",
			"internal/limit", "internal/migrate", "internal/flock"}},
	{"", "internal/redisstore", "the store in Redis, its bell (sharded pub/sub), and who is online on which node",
		[]string{"internal/chat", "internal/backend", "internal/identity", "internal/limit",
			"internal/links", "internal/migrate", "kit/"}},
	{"", "internal/migrate", "moves everything from one store to another",
		[]string{"internal/chat"}},
	{"", "internal/backup", "everything of a store and its files in one file, which is a source for migrate",
		[]string{"internal/chat", "internal/blob", "internal/migrate"}},
	{"live", "internal/hub", "one node's live connections: a cursor and a ring per stream, fan-out, presence",
		[]string{"internal/chat", "internal/wire"}},
	{"", "internal/live", "a session, whatever the transport: admission, log-in, sync, calls, limits, the end",
		[]string{"internal/chat", "internal/hub", "internal/wire", "internal/clientinfo"}},
	{"", "internal/wire", "JSON-RPC frames, strict decoding, error codes",
		[]string{"internal/chat"}},
	{"", "internal/ws", "WebSocket: JSON-RPC, a codec on live and websocket",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/wire",
			"internal/httperror", "internal/websocket"}},
	{"", "internal/siochat", "Socket.IO: a codec on live and socketio",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/wire",
			"internal/clientinfo", "internal/httperror", "internal/socketio"}},
	{"", "internal/compat", "the protocol of the Redis chat demo for Node.js (`--compat`)",
		[]string{"internal/chat", "internal/hub", "internal/live", "internal/clientinfo",
			"internal/httperror", "internal/siochat", "internal/socketio"}},
	{"", "internal/websocket/", "a WebSocket server: frames, reading without buffers, many frames a write",
		[]string{"internal/websocket/"}},
	{"", "internal/socketio/", "Engine.IO 4 and Socket.IO 5; knows nothing of chat",
		[]string{"internal/socketio/", "internal/websocket/"}},
	{"HTTP", "internal/rest", "a route per action, OpenAPI, problems, the static client",
		[]string{"internal/chat", "internal/hub", "internal/wire",
			"internal/clientinfo", "internal/httperror"}},
	{"", "internal/oidc", "logging in and out at OpenID Connect providers",
		[]string{"internal/chat", "internal/clientinfo", "internal/httperror", "internal/limit",
			"internal/netguard"}},
	{"", "internal/oidc/oidctest", "", nil},
	{"", "internal/passkey", "checks passkeys (WebAuthn) for the server's address",
		[]string{"internal/chat"}},
	{"", "internal/incoming", "incoming webhooks: the formats of Slack and GitHub, as markdown",
		[]string{"internal/chat", "internal/clientinfo", "internal/httperror"}},
	{"", "internal/outgoing", "outgoing webhooks, a follower: signs, retries, keeps dead letters",
		[]string{"internal/chat", "internal/follow", "internal/netguard"}},
	{"", "internal/push", "Web Push, a follower: queues per device, seals, retries",
		[]string{"internal/chat", "internal/follow", "internal/netguard"}},
	{"", "internal/mail", "mail by SMTP, a follower: queues per person, retries, the pages of its links",
		[]string{"internal/chat", "internal/clientinfo", "internal/follow", "internal/httperror"}},
	{"", "internal/search", "a node's index of messages, a follower, in SQLite's FTS5",
		[]string{"internal/chat", "internal/extract", "internal/follow", "internal/flock"}},
	{"", "internal/extract", "the text inside files, read in a process of its own",
		nil},
	{"", "internal/clientinfo", "a request's address, scheme, origin and credentials, for all handlers",
		[]string{"internal/chat"}},
	{"", "internal/httperror", "the table from the domain's errors to HTTP statuses",
		[]string{"internal/chat"}},
	{"", "internal/certs", "certificates by ACME, kept in the store, renewed by one node at a time",
		[]string{"internal/chat"}},
	{"", "internal/netguard", "where users may have the server connect: public addresses, and what the operator allows",
		nil},
	{"files, links", "internal/files", "the files that people send: makes pictures safe, keeps the bytes",
		[]string{"internal/chat", "internal/blob", "internal/picture"}},
	{"", "internal/blob", "bytes in a directory or in an S3-compatible bucket",
		[]string{"internal/flock"}},
	{"", "internal/flock", "locks of files, on every system", nil},
	{"", "internal/picture", "file types by their bytes; pictures without metadata, upright, with thumbnails",
		nil},
	{"", "internal/links", "link previews with small, safe pictures, and their cache",
		[]string{"internal/chat", "internal/netguard", "internal/picture",
			"internal/preview", "kit/cache"}},
	{"", "internal/preview", "fetches what a link leads to, from public addresses only",
		[]string{"internal/netguard"}},
	{"tools and tests", "internal/verify", "`parley verify`: clients that record what they see while things break, and the judge",
		[]string{"client", "internal/chat", "internal/wsclient"}},
	{"", "internal/archive/", "the documented format of an export, and readers of other chats' exports",
		[]string{"internal/chat", "internal/archive/", "internal/incoming"}},
	{"", "internal/importer", "writes an archive into a living chat, and reports what was lost",
		[]string{"internal/chat", "internal/archive/"}},
	{"", "internal/demoimport", "`parley import`: the demo's people, rooms and messages",
		[]string{"internal/chat", "internal/identity"}},
	{"", "internal/demo", "four people for an empty server", []string{"internal/chat"}},
	{"", "internal/chat/chattest", "the suite for every store, a store in memory to compare with, one fixture for all tests",
		[]string{"internal/chat", "internal/identity", "internal/limit"}},
	{"", "internal/live/livetest", "sessions on a store in memory, for the tests of the transports",
		[]string{"internal/chat", "internal/chat/chattest", "internal/hub", "internal/live",
			"internal/clientinfo", "internal/websocket/"}},
	{"", "internal/parleytest", "the real server as a child process, for tests",
		[]string{"client", "kit/redistest"}},
	{"", "internal/mail/mailtest", "a real SMTP server, for tests", nil},
	{"", "internal/wsclient", "a WebSocket client, cheap enough for thousands", nil},
	{"", "client/gen", "", []string{"internal/chat"}},
	{"", "bench", "measures what docs/performance.md says, on the real server",
		[]string{"client", "internal/", "cmd/"}},
	{"", "bench/picture", "", nil},
	{"", "release", "builds archives, packages and an image of a commit, a module of its own", nil},
	{"beside", "kit/", "Redis building blocks for any Go program, a module of its own; knows nothing of chat",
		[]string{"kit/"}},
	{"", "web", "the React client (`src`), as built (`dist`), embedded (`embed.go`)", nil},
	{"", "examples/", "small programs on the kit, on the client, and with the chat inside",
		[]string{"kit/", "examples/internal/"}},
	{"", "examples/embed", "", []string{"."}},
	{"", "examples/client", "", []string{"client"}},
}

// outside says which packages may import what beyond the standard library, for
// those that are bound to less than "a library that fits".
var outside = map[string][]string{
	".":                   {"github.com/prometheus/client_golang"},
	"internal/chat":       {},
	"internal/blob":       {"github.com/minio/minio-go/v7"},
	"internal/picture":    {"golang.org/x/image/", "golang.org/x/sync/"},
	"internal/preview":    {"golang.org/x/net/html"},
	"internal/extract":    {"github.com/ledongthuc/pdf", "golang.org/x/net/html"},
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
	const path, head, foot = "ARCHITECTURE.md", "| layer | folder | what it is | may import |\n|---|---|---|---|\n", "\n\n"
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
		if r.what != "" {
			rows = append(rows, fmt.Sprintf("| %s | `%s` | %s | %s |", r.layer, r.dir, r.what, shown(r)))
		}
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
