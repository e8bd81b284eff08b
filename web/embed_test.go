package web

import (
	"bytes"
	"compress/gzip"
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
	for _, name := range []string{"app.js", "app.css", "icon.svg", "manifest.webmanifest",
		"theme.js", "sw.js", "icon-192.png"} {
		if _, err := fs.Stat(FS, name); err != nil {
			t.Error(err)
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

// mostScript is how much script the first load may cost, compressed, in bytes.
const mostScript = 250_000

var (
	scriptTag    = regexp.MustCompile(`<script[^>]* src="(?:/|\./)([^"]+)"`)
	staticImport = regexp.MustCompile(`(?:from|import) ?"\./([\w.-]+\.js)"`)
)

// TestFirstLoadIsSmall sums up what the page loads before it can show anything:
// its scripts and what they import, but not what they load later when it is
// needed.
func TestFirstLoadIsSmall(t *testing.T) {
	page, err := fs.ReadFile(FS, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	var waiting []string
	for _, m := range scriptTag.FindAllSubmatch(page, -1) {
		waiting = append(waiting, string(m[1]))
	}
	sizes := map[string]int{}
	total := 0
	for len(waiting) > 0 {
		name := waiting[0]
		waiting = waiting[1:]
		if _, seen := sizes[name]; seen {
			continue
		}
		body, err := fs.ReadFile(FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // as the server does
		w.Write(body)
		w.Close()
		sizes[name] = b.Len()
		total += b.Len()
		for _, m := range staticImport.FindAllSubmatch(body, -1) {
			waiting = append(waiting, string(m[1]))
		}
	}
	if sizes["app.js"] == 0 || len(sizes) < 2 {
		t.Fatalf("the page's scripts are not found: %v", sizes)
	}
	if total > mostScript {
		t.Errorf("the first load has %d bytes of script, more than %d: %v", total, mostScript, sizes)
	}
	t.Logf("%d bytes of script: %v", total, sizes)
}
