package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesItsTests: each row of docs/security.md names tests, and all
// that it names are there.
func TestSecurityNamesItsTests(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tests := map[string]string{} // the sources of a package's tests, by its folder's name
	for _, root := range []string{"../../internal", "../../kit", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, "_test.go") {
				tests[filepath.Base(filepath.Dir(path))] += read(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := filepath.Glob("../../*_test.go") // the chat inside another program
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range root {
		tests["parley"] += read(path)
	}
	stores := read("../../internal/chat/chattest/suite.go")
	client := map[string]string{} // the sources of its tests, by the file's name
	for _, root := range []string{"../../web/src", "../../web/e2e"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.Contains(path, ".test.") {
				client[filepath.Base(path)] += read(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	name, quoted := regexp.MustCompile(
		"`([a-z]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([A-Za-z0-9]+))?`"), regexp.MustCompile(`"([^"]+)"`)
	file := regexp.MustCompile("`([a-z]+\\.test\\.(?:ts|mjs))`")
	rows, named := 0, 0
	for line := range strings.Lines(read("../../docs/security.md")) {
		isRow := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| attack")
		found := name.FindAllStringSubmatch(line, -1)
		for _, m := range found {
			if !strings.Contains(tests[m[1]], "func "+m[2]+"(") {
				t.Errorf("there is no %s.%s", m[1], m[2])
			}
			if m[3] != "" && !strings.Contains(stores, `{"`+m[3]+`",`) {
				t.Errorf("the stores' suite has no %s", m[3])
			}
		}
		if !isRow {
			continue
		}
		rows++
		named += len(found)
		if f := file.FindStringSubmatch(line); f != nil {
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				if named++; !strings.Contains(client[f[1]], "('"+m[1]+"',") {
					t.Errorf("%s has no %q", f[1], m[1])
				}
			}
		} else if len(found) == 0 {
			t.Errorf("no test is named for: %s", line)
		}
	}
	if rows < 35 || named < 100 {
		t.Errorf("only %d tests in %d rows", named, rows)
	}
}
