package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// TestImportAndExportBesideAServer imports into a running server, where people
// see it at once, exports from it, and imports that where no server runs.
func TestImportAndExportBesideAServer(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	export := filepath.Join(dir, "slack.zip")
	out, err := os.Create(export)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	for name, text := range map[string]string{
		"users.json":           `[{"id":"U1","name":"zoe"}]`,
		"channels.json":        `[{"id":"C1","name":"news","created":1500000000,"members":["U1"]}]`,
		"news/2020-01-01.json": `[{"type":"message","user":"U1","ts":"1577836800.000100","text":"*Happy* new year"}]`,
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}

	p := launch(t, data, "--demo", "--log-level=error")
	token := p.logIn("Pablo")
	report := filepath.Join(dir, "report")
	said, err := try(t, nil, "", "import", "slack", export, "--data", data, "--report", report)
	if err != nil || !strings.Contains(said, "messages  1 read: 1 new") {
		t.Fatalf("the import said %q, %v", said, err)
	}
	for _, name := range []string{report + ".html", report + ".json"} {
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), "slack") {
			t.Errorf("%s says %q, %v", name, b, err)
		}
	}
	var page chat.RoomPage
	if _, err := call(t.Context(), p.URL, "GET", "/directory", token, nil, &page); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, r := range page.Rooms {
		if r.Name == "news" {
			id = string(r.ID)
		}
	}
	if id == "" {
		t.Fatalf("the running server has no room news: %+v", page.Rooms)
	}

	all := filepath.Join(dir, "all.zip")
	if err := os.WriteFile(all+".partial", []byte("of an export that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := try(t, nil, "", "export", all, "--data", data); err != nil {
		t.Fatalf("the export said %q, %v", said, err)
	}
	if _, err := try(t, nil, "", "export", all, "--data", data); err == nil ||
		!strings.Contains(err.Error(), "choose another name") {
		t.Errorf("an export was written over, or it is not said what to do: %v", err)
	}
	said, err = try(t, nil, "", "import", "parley", all, "--data", filepath.Join(dir, "new"), "--report", report)
	if err != nil || !strings.Contains(said, "people    5 read: 5 new") {
		t.Errorf("the import of the export said %q, %v", said, err)
	}
}
