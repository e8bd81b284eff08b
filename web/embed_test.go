package web

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notShipped are sources that dist does not depend on.
var notShipped = regexp.MustCompile(`\.test\.tsx?$|/fake[^/]*\.tsx?$`)

// TestDistIsBuiltFromTheseSources fails when somebody changed the client and
// did not build it. It hashes what scripts/stamp.mjs hashes.
func TestDistIsBuiltFromTheseSources(t *testing.T) {
	files := []string{"index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"}
	for _, dir := range []string{"src", "public"} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(files)
	hash := sha256.New()
	for _, file := range files {
		if notShipped.MatchString(file) {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write([]byte(file + "\x00"))
		hash.Write(body)
		hash.Write([]byte{0})
	}
	stamped, err := fs.ReadFile(FS, "source.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(stamped)) {
		t.Errorf("web/dist is older than its sources: run `npm run build` in web/ (sources %s, dist built from %s)", got, strings.TrimSpace(string(stamped)))
	}
}

// TestPageHasNothingInline holds the page to the policy that the server sends
// with it.
func TestPageHasNothingInline(t *testing.T) {
	page, err := fs.ReadFile(FS, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`<style`, `style="`, `<script>`, `javascript:`, `http://`,
		`https://`, ` onload=`} {
		if strings.Contains(string(page), bad) {
			t.Errorf("index.html contains %q", bad)
		}
	}
	for _, name := range []string{"assets/app-*.js", "assets/app-*.css", "assets/theme-*.js",
		"icon.svg", "manifest.webmanifest", "sw.js", "icon-192.png"} {
		if found, err := fs.Glob(FS, name); err != nil || len(found) != 1 {
			t.Errorf("%s: %v %v", name, found, err)
		}
	}
}

// TestOneVersion holds the page, the service worker and what pages ask for to
// one version: a page that finds another one than its own tells its person that
// there is a newer client.
func TestOneVersion(t *testing.T) {
	version := regexp.MustCompile(`^[0-9a-f]{16}\n$`)
	stamped, err := fs.ReadFile(FS, "version.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !version.Match(stamped) {
		t.Fatalf("version.txt says %q", stamped)
	}
	for name, want := range map[string]string{
		"index.html": `<meta name="version" content="` + strings.TrimSpace(string(stamped)) + `"`,
		"sw.js":      `const version = '` + strings.TrimSpace(string(stamped)) + `'`,
	} {
		body, err := fs.ReadFile(FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(body), want) {
			t.Errorf("%s does not contain %s", name, want)
		}
	}
}

// What a first load may cost over the wire, in bytes: of the log-in page, and
// of the chat.
const (
	mostOfGate = 150 << 10
	mostOfChat = 300 << 10
)

var (
	inPage       = regexp.MustCompile(`(?:src|href)="(?:/|\./)([^"]+\.(?:js|css|svg))"`)
	staticImport = regexp.MustCompile(`(?:from|import) ?"\./([\w.-]+\.js)"`)
)

// TestFirstLoadIsSmall sums up what the page loads before it can show anything:
// its scripts and what they import, but not what they load later when it is
// needed. The chat has one part more than the page for logging in.
func TestFirstLoadIsSmall(t *testing.T) {
	page, err := fs.ReadFile(FS, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	parts := []string{"index.html"}
	for _, m := range inPage.FindAllSubmatch(page, -1) {
		parts = append(parts, string(m[1]))
	}
	gate := weigh(t, parts)
	chat, err := fs.Glob(FS, "assets/Shell-*.js")
	if err != nil || len(chat) != 1 || len(parts) < 4 {
		t.Fatalf("the page's parts are not found: %v, %v, %v", parts, chat, err)
	}
	all := weigh(t, append(parts, chat[0]))
	if gate > mostOfGate {
		t.Errorf("the log-in page has %d bytes, more than %d", gate, mostOfGate)
	}
	if all > mostOfChat {
		t.Errorf("the chat has %d bytes at the first load, more than %d", all, mostOfChat)
	}
	t.Logf("the log-in page: %d bytes, the chat: %d bytes", gate, all)
}

// weigh sums up the compressed bytes of files and of the scripts that they
// import.
func weigh(t *testing.T, files []string) int {
	t.Helper()
	total := 0
	seen := map[string]bool{}
	waiting := slices.Clone(files)
	for len(waiting) > 0 {
		name := waiting[0]
		waiting = waiting[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		sent, err := fs.ReadFile(FS, name+".br")
		if err != nil {
			if sent, err = fs.ReadFile(FS, name); err != nil {
				t.Fatal(err)
			}
		}
		total += len(sent)
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		body, err := fs.ReadFile(FS, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range staticImport.FindAllSubmatch(body, -1) {
			waiting = append(waiting, "assets/"+string(m[1]))
		}
	}
	return total
}
