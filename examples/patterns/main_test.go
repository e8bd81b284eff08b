// Package patterns shows, for each pattern of docs/patterns.md, the usual code
// failing and the block that does not fail. The page's code is this package's.
package patterns

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }

// TestPage finds each line of code on the page in this package, so that what is
// read there is what is tested here.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/patterns.md")
	check(t, err)
	code := map[string]bool{}
	for _, name := range []string{"caching_test.go", "messages_test.go", "atomic_test.go", "connect_test.go"} {
		src, err := os.ReadFile(name)
		check(t, err)
		for line := range strings.Lines(string(src)) {
			code[strings.TrimSpace(line)] = true
		}
	}
	blocks := 0
	for i, part := range strings.Split(string(page), "```") {
		body, ok := strings.CutPrefix(part, "go\n")
		if i%2 == 0 || !ok {
			continue
		}
		blocks++
		for line := range strings.Lines(body) {
			if line = strings.TrimSpace(line); line != "" && !code[line] {
				t.Errorf("no test has %q", line)
			}
		}
	}
	if blocks < 30 {
		t.Errorf("the page has %d blocks of code", blocks)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) (*redistest.Server, rueidis.Client) {
	t.Helper()
	s := redistest.Start(t)
	return s, s.Client(t)
}

// text returns a string in Redis, "" when there is none.
func text(t testing.TB, c rueidis.Client, key string) string {
	t.Helper()
	v, err := c.Do(t.Context(), c.B().Get().Key(key).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatal(err)
	}
	return v
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
