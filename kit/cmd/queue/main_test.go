package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/parley-chat/parley/kit/queue"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// TestCommands says each command once.
func TestCommands(t *testing.T) {
	s := redistest.StartTCP(t)
	env := func(name string) (string, bool) {
		if name == "REDIS_URL" {
			return s.URL(), true
		}
		return "", false
	}
	q, err := queue.New[int](s.Client(t), queue.Options{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Enqueue(t.Context(), 5, queue.JobOptions{ID: "five"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, out, err string }{
		{"q stats", `"Ready":1`, ""},
		{"q list ready", `"ID":"five"`, ""},
		{"q get five", `"Payload":5`, ""},
		{"q pause", "", ""},
		{"q stats", `"Paused":true`, ""},
		{"q resume", "", ""},
		{"q schedules", "", ""},
		{"q cancel five", `"was":"ready"`, ""},
		{"q redrive five", "", "no such job"},
		{"q redrive all", "", ""},
		{"q delete five", `"deleted":1`, ""},
		{"-prefix other q get five", "", "no such job"},
		{"q get", "", "wrong number"},
		{"q fly", "", "no command"},
		{"q", "", "say which queue"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), env, strings.Fields(c.args), &out)
		if !strings.Contains(out.String(), c.out) || (err == nil) != (c.err == "") ||
			err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %s, %v", c.args, out.String(), err)
		}
	}
}
