package parley_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: the front page names every page, and links between the pages lead
// to files and headings that are there.
func TestDocs(t *testing.T) {
	front := readFile(t, "docs/README.md")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pages := append(glob(t, "docs/*.md"), glob(t, "docs/adr/*.md")...)
	for _, page := range append(pages, "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md") {
		if dir, name := filepath.Split(page); dir == "docs/" && name != "README.md" &&
			!strings.Contains(front, "]("+name+")") {
			t.Errorf("docs/README.md does not name %s", page)
		}
		text := withoutCode(readFile(t, page))
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			path, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") || strings.HasPrefix(path, "mailto:") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
			} else if heading != "" && strings.HasSuffix(target, ".md") && !headings(t, target)[heading] {
				t.Errorf("%s leads to %s, a heading that is not there", page, m[1])
			}
		}
	}
}

var code = regexp.MustCompile("(?s)```.*?\n```|`[^`\n]*`")

func withoutCode(text string) string { return code.ReplaceAllString(text, "") }

// headings are those of a page as the addresses that GitHub gives them.
func headings(t *testing.T, page string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	text := regexp.MustCompile("(?s)```.*?\n```").ReplaceAllString(readFile(t, page), "")
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(strings.TrimSpace(slug), " ", "-")] = true
	}
	return all
}
