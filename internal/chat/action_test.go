package chat_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

var update = flag.Bool("update", false, "write the table of actions into docs/protocol.md")

// TestActionsAreDocumented keeps the table at the end of docs/protocol.md as
// the code has it.
func TestActionsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("## Actions\n\nFields marked * must be given; a field in the path is taken from there over REST. A running server describes every type at `/api/v1/docs`.\n\n")
	b.WriteString("| action | REST, below `/api/v1` | input | result | |\n|---|---|---|---|---|\n")
	for _, a := range chat.Actions() {
		summary := a.Summary + "."
		if a.Access == chat.Anyone {
			summary += " No log-in needed."
		}
		if a.Scope != "" {
			summary += " Scope: " + a.Scope + "."
		}
		fmt.Fprintf(&b, "| `%s` | `%s %s` | %s | %s | %s |\n", a.Name, a.Method, a.Path,
			fields(a.In), typeName(a.Out), summary)
	}
	const path = "../../docs/protocol.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(page), "## Actions\n")
	want := strings.TrimRight(before, "\n") + "\n\n" + b.String()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Error("docs/protocol.md does not list the actions as they are: run go test ./internal/chat -run Documented -update")
	}
}

func fields(in reflect.Type) string {
	var names []string
	for i := range in.NumField() {
		name, options, _ := strings.Cut(in.Field(i).Tag.Get("json"), ",")
		if options == "" {
			name += "*"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}

func typeName(out reflect.Type) string {
	if out == reflect.TypeFor[chat.None]() {
		return "`{}`"
	}
	return out.Name()
}

// TestActionsAreWellFormed checks what both doors rely on.
func TestActionsAreWellFormed(t *testing.T) {
	names, routes := map[string]bool{}, map[string]bool{}
	f := newFixture(t, nil)
	for _, a := range chat.Actions() {
		if names[a.Name] || routes[a.Method+a.Path] || a.Summary == "" || a.Status/100 != 2 {
			t.Errorf("%s is there twice, or incomplete", a.Name)
		}
		names[a.Name], routes[a.Method+a.Path] = true, true
		for i := range a.In.NumField() {
			if field := a.In.Field(i); field.Tag.Get("json") == "" || field.Tag.Get("doc") == "" {
				t.Errorf("%s: the input's %s has no name or description", a.Name, field.Name)
			}
		}
		_, err := a.Call(t.Context(), f.Service, nobody, func(any) error { return chat.ErrInvalid })
		want := error(chat.ErrInvalid)
		if a.Access == chat.LoggedIn {
			want = chat.ErrUnauthenticated
		}
		if !errors.Is(err, want) {
			t.Errorf("%s, asked by nobody: %v, want %v", a.Name, err, want)
		}
	}
}
