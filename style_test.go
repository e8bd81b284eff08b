package parley_test

import (
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	commentColumns = 80
	codeColumns    = 110
)

// TestLineWidths keeps comments within 80 columns and code within 110, with a
// tab as four. Strings are not counted, since breaking them helps nobody, and
// neither are indented blocks of a comment, which godoc shows as they are, nor
// what examples print.
func TestLineWidths(t *testing.T) {
	list, err := exec.Command("git", "ls-files", "*.go").Output()
	if err != nil {
		t.Skip("not in a git checkout:", err)
	}
	for _, path := range strings.Fields(string(list)) {
		src, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		checkWidths(t, path, src)
	}
}

func checkWidths(t *testing.T, path string, src []byte) {
	t.Helper()
	lines := strings.Split(string(src), "\n")
	file := token.NewFileSet().AddFile(path, -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	strung := make([]int, len(lines)+1) // columns that strings take, by line
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok != token.STRING {
			continue
		}
		first := file.Line(pos)
		for i, part := range strings.Split(lit, "\n") {
			strung[first+i] += columns(part)
		}
	}
	output := false // in what an example prints
	for i, line := range lines {
		text, isComment := strings.CutPrefix(strings.TrimLeft(line, "\t "), "//")
		output = isComment && (output || strings.HasPrefix(text, " Output:") ||
			strings.HasPrefix(text, " Unordered output:"))
		switch {
		case strung[i+1] == 0 && isComment:
			prose := strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "  ") && !output
			if n := columns(line); prose && n > commentColumns && strings.Contains(text[1:], " ") {
				t.Errorf("%s:%d: a comment of %d columns; comments wrap at %d", path, i+1, n, commentColumns)
			}
		case columns(line)-strung[i+1] > codeColumns:
			t.Errorf("%s:%d: code of %d columns; it wraps at about 100", path, i+1, columns(line))
		}
	}
}

// columns is how wide a line is, with a tab as four columns.
func columns(line string) int { return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t") }
