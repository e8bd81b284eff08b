package parley_test

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/parley-chat/parley"
	"github.com/parley-chat/parley/kit/redistest"
)

// said is what the server that has written the data answered last.
type said struct {
	Who, Token, Path string
	Answer           any
}

// TestLayouts starts today's server on data that servers of earlier layouts
// have written (scripts/layout.mjs), as an upgrade does, and compares what it
// answers with what they answered: people, rooms, counts, messages, logs.
func TestLayouts(t *testing.T) {
	archives := glob(t, "testdata/layouts/*.tar.zst")
	newest := len(glob(t, "internal/sqlite/migrations/*.sql"))
	for layout := 1; layout < newest; layout++ {
		if name := fmt.Sprintf("testdata/layouts/sqlite-%d.tar.zst", layout); !slices.Contains(archives, name) {
			t.Errorf("%s is missing: see docs/upgrading.md", name)
		}
	}
	if !strings.Contains(readFile(t, "docs/upgrading.md"), fmt.Sprintf("\n| embedded | %d |", newest)) {
		t.Error("docs/upgrading.md has another layout of the embedded store")
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tar.zst")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, archive)
			o := parley.Options{Data: dir, SignUp: "open", Log: slog.New(slog.DiscardHandler)}
			if strings.HasPrefix(name, "redis") {
				server := redistest.Start(t, "--dir", dir)
				o.Data, o.Store, o.SearchDir = "", server.URL(), "off"
			}
			checkAnswers(t, dir, o)
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing is %s: %v", pattern, err)
	}
	return names
}

// unpack returns a new directory with the files of an archive.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	packed, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.FileInfo().IsDir() {
			continue
		}
		b, err := io.ReadAll(files)
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func checkAnswers(t *testing.T, dir string, o parley.Options) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "answers.json"))
	var answers []said
	if err = errors.Join(err, json.Unmarshal(b, &answers)); err != nil {
		t.Fatal(err)
	}
	srv, err := parley.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	}()
	call := func(method, path, token, body string, out any) error {
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode > 299 {
			return fmt.Errorf("%s %s: %d %s %w", method, path, res.StatusCode, b, err)
		}
		return json.Unmarshal(b, out)
	}
	tokens, values := map[string]string{}, 0
	for _, a := range answers {
		if a.Token != "" {
			tokens[a.Who] = a.Token
		} else if tokens[a.Who] == "" {
			var in struct{ Token string }
			if err := call("POST", "/sessions", "", fmt.Sprintf(`{"name":%q,"password":"password123"}`, a.Who),
				&in); err != nil {
				t.Fatal(err)
			}
			tokens[a.Who] = in.Token
		}
		var now any
		if err := call("GET", a.Path, tokens[a.Who], "", &now); err != nil {
			t.Errorf("%s as %s: %v", a.Path, a.Who, err)
			continue
		}
		n, changes := compared(a.Path, a.Answer, now)
		for _, what := range changes {
			t.Errorf("as %s: %s", a.Who, what)
		}
		values += n
	}
	if values < 800 { // of the oldest layout, in which there was least
		t.Errorf("only %d values were compared", values)
	}
	checkWrites(t, call, tokens["Pablo"])
}

// checkWrites changes what the older server has written.
func checkWrites(t *testing.T, call func(method, path, token, body string, out any) error, token string) {
	t.Helper()
	var mine struct {
		Rooms []struct {
			ID   string
			Name string
			Head int64 `json:"head_no"`
		}
	}
	if err := call("GET", "/rooms", token, "", &mine); err != nil {
		t.Fatal(err)
	}
	for _, room := range mine.Rooms {
		var sent struct{ No int64 }
		path := "/rooms/" + room.ID + "/messages"
		if err := call("POST", path, token, `{"text":"After the upgrade"}`, &sent); err != nil ||
			sent.No != room.Head+1 {
			t.Errorf("message %d in %s, after %d: %v", sent.No, room.Name, room.Head, err)
		}
		if room.Name != "Upgrades" {
			continue
		}
		for _, c := range [][3]string{{"PATCH", "/9", `{"text":"Edited after the upgrade"}`},
			{"PUT", "/8/reactions/wave", `{}`}, {"PUT", "/8/pin", `{}`}, {"DELETE", "/12", ""}} {
			var message any
			if err := call(c[0], path+c[1], token, c[2], &message); err != nil {
				t.Error(err)
			}
		}
		answer := `{"text":"In a thread","thread":2}`
		if err := call("POST", path, token, answer, &sent); err != nil {
			t.Error(err)
		}
	}
}

// renamed are fields that have another name now.
var renamed = map[string]string{"pair": "people"}

// compared returns how many values an answer of before had, and which of them
// one of now has not, or otherwise. Fields may have been added.
func compared(at string, then, now any) (n int, changes []string) {
	each := func(key string, then, now any) {
		more, changed := compared(at+" "+key, then, now)
		n, changes = n+more, append(changes, changed...)
	}
	switch then := then.(type) {
	case map[string]any:
		now, _ := now.(map[string]any)
		for key, value := range then {
			each(key, value, now[cmp.Or(renamed[key], key)])
		}
		return n, changes
	case []any:
		now, _ := now.([]any)
		if len(now) != len(then) {
			return 0, []string{fmt.Sprintf("%s has %d, not %d", at, len(now), len(then))}
		}
		for i := range then {
			each(strconv.Itoa(i), then[i], now[i])
		}
		return n, changes
	}
	if !reflect.DeepEqual(then, now) {
		changes = []string{fmt.Sprintf("%s is %v, not %v", at, now, then)}
	}
	return 1, changes
}
