package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDeploySettings: the files for platforms name settings that there are.
// What else is in them, make platforms looks at.
func TestDeploySettings(t *testing.T) {
	flags, _ := settingsOf(&serve{})
	known := map[string]bool{}
	for _, f := range flags {
		known[f.env] = true
	}
	files := []string{"../../compose.yaml", "../../Dockerfile", "../../app.json"}
	for _, pattern := range []string{"../../deploy/*.yaml", "../../deploy/helm/*/*.yaml", "../../deploy/helm/*/*/*.yaml"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatalf("nothing is %s: %v", pattern, err)
		}
		files = append(files, more...)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".json" && !json.Valid(text) {
			t.Errorf("%s is not JSON", file)
		}
		for _, name := range regexp.MustCompile(`PARLEY_[A-Z0-9_]*[A-Z0-9]\b`).FindAllString(string(text), -1) {
			if found++; !known[name] && name != "PARLEY_PORT" { // what Kubernetes would set
				t.Errorf("%s: there is no setting %s", file, name)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d settings were found", found)
	}
}

func TestListenAddress(t *testing.T) {
	for _, c := range []struct {
		s          serve
		port, want string
	}{
		{serve{}, "", "localhost:8080"},
		{serve{}, "5000", ":5000"},
		{serve{Listen: "127.0.0.1:1"}, "5000", "127.0.0.1:1"},
		{serve{tlsFlags: tlsFlags{TLSDomain: []string{"chat.test"}}}, "5000", ":443"},
	} {
		t.Setenv("PORT", c.port)
		if got := c.s.listenAddress(); got != c.want {
			t.Errorf("%+v with PORT=%s listens on %s", c.s, c.port, got)
		}
	}
}
