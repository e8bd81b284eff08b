package parley_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley"
)

// What the last release promised to others is in testdata/released, written
// with
//
//	go test . -run Released -update
const (
	releasedAPI     = "testdata/released/openapi.json"
	releasedLayouts = "testdata/released/layouts.json"
)

// TestReleasedAPI: what breaks clients of the last release is in CHANGELOG.md
// under "Not released yet", in an item that begins with **API:** and names the
// action.
func TestReleasedAPI(t *testing.T) {
	srv, err := parley.Open(t.Context(), parley.Options{Data: t.TempDir(), SearchDir: "off"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close(context.Background())
	answer := httptest.NewRecorder()
	srv.ServeHTTP(answer, httptest.NewRequest("GET", "/api/v1/openapi.json", nil))
	now := document(t, answer.Body.Bytes())
	if *update {
		write(t, releasedAPI, now)
	}
	then := document(t, []byte(readFile(t, releasedAPI)))
	said := notReleased(t, "API")
	for action, changes := range broken(then, now) {
		if !strings.Contains(said, "`"+action+"`") {
			t.Errorf("%s breaks clients of the last release, and CHANGELOG.md does not say so (- **API:** `%s` …):\n\t%s",
				action, action, strings.Join(changes, "\n\t"))
		}
	}
}

// TestReleasedLayouts: a layout that the last release does not know is in
// CHANGELOG.md, in an item that begins with **Layout:** and has its number; and
// what was released is not changed.
func TestReleasedLayouts(t *testing.T) {
	type layouts struct {
		Migrations []string          `json:"migrations"` // of the embedded store: hashes
		Redis      string            `json:"redis"`      // number of the layout
		Keys       map[string]string `json:"keys"`       // in Redis, with their types
	}
	now := layouts{Keys: map[string]string{}}
	for _, name := range glob(t, "internal/sqlite/migrations/*.sql") {
		sum := sha256.Sum256([]byte(readFile(t, name)))
		now.Migrations = append(now.Migrations, hex.EncodeToString(sum[:8]))
	}
	doc := readFile(t, "docs/redis.md") // the tests of redisstore hold it to the truth
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ([a-z, ]+) \\|").FindAllStringSubmatch(doc, -1) {
		now.Keys[row[1]] = row[2]
	}
	number := regexp.MustCompile("`layout`: version of this table, now ([0-9]+);").FindStringSubmatch(doc)
	if len(now.Keys) < 20 || number == nil {
		t.Fatalf("docs/redis.md has only %d keys, and the layout %v", len(now.Keys), number)
	}
	now.Redis = number[1]
	if *update {
		write(t, releasedLayouts, now)
	}
	var then layouts
	if err := json.Unmarshal([]byte(readFile(t, releasedLayouts)), &then); err != nil {
		t.Fatal(err)
	}
	said := notReleased(t, "Layout")
	for i, sum := range then.Migrations {
		if i >= len(now.Migrations) || now.Migrations[i] != sum {
			t.Errorf("migration %03d.sql was released and must stay as it was: add another", i+1)
		}
	}
	if n := len(now.Migrations); n > len(then.Migrations) && !strings.Contains(said, fmt.Sprint(n)) {
		t.Errorf("CHANGELOG.md does not say that the embedded store has a new layout (- **Layout:** embedded %d …)", n)
	}
	if now.Redis != then.Redis && !strings.Contains(said, now.Redis) {
		t.Errorf("CHANGELOG.md does not say that Redis has a new layout (- **Layout:** Redis %s …)", now.Redis)
	}
	for key, kind := range then.Keys {
		if now.Keys[key] != kind && now.Redis == then.Redis {
			t.Errorf("the key %s was a %s and is %q now: the layout needs a new number", key, kind, now.Keys[key])
		}
	}
}

// notReleased returns the items of CHANGELOG.md for the next release that are
// marked so.
func notReleased(t *testing.T, mark string) string {
	t.Helper()
	_, part, ok := strings.Cut(readFile(t, "CHANGELOG.md"), "\n## Not released yet\n")
	if !ok {
		t.Fatal("CHANGELOG.md has no part for what is not released yet")
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var marked []string
	for line := range strings.Lines(part) {
		if strings.HasPrefix(line, "- **"+mark+":**") {
			marked = append(marked, line)
		}
	}
	return strings.Join(marked, "")
}

func write(t *testing.T, path string, what any) {
	t.Helper()
	text, err := json.MarshalIndent(what, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// object is a JSON object.
type object = map[string]any

// document is an OpenAPI document without its prose.
func document(t *testing.T, text []byte) object {
	t.Helper()
	var doc object
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case object:
			maps.DeleteFunc(v, func(key string, value any) bool {
				_, prose := value.(string)
				return prose && (key == "description" || key == "summary")
			})
			for _, each := range v {
				strip(each)
			}
		case []any:
			for _, each := range v {
				strip(each)
			}
		}
	}
	strip(doc)
	return object{"paths": doc["paths"], "components": doc["components"]}
}

// broken returns, by action, what a client of then finds broken now.
func broken(then, now object) map[string][]string {
	c := &comparison{then: then, now: now, changes: map[string][]string{}}
	ways := func(doc object) map[string]object { // METHOD path: operation
		all := map[string]object{}
		for path, methods := range inside(doc, "paths") {
			for method, operation := range methods.(object) {
				all[strings.ToUpper(method)+" "+path], _ = operation.(object)
			}
		}
		return all
	}
	today := ways(now)
	for way, before := range ways(then) {
		name, _ := before["operationId"].(string)
		after, ok := today[way]
		if c.action = name; !ok || after["operationId"] != name {
			c.add("%s is gone", way)
			continue
		}
		c.operation(before, after)
	}
	return c.changes
}

type comparison struct {
	then, now object
	action    string
	changes   map[string][]string
	seen      map[string]bool
}

func (c *comparison) add(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.changes[c.action], text) {
		c.changes[c.action] = append(c.changes[c.action], text)
	}
}

// inside goes down into objects.
func inside(v any, keys ...string) object {
	for _, key := range keys {
		o, _ := v.(object)
		v = o[key]
	}
	o, _ := v.(object)
	return o
}

func (c *comparison) operation(before, after object) {
	c.seen = map[string]bool{}
	parameters := func(operation object) map[string]object {
		all := map[string]object{}
		list, _ := operation["parameters"].([]any)
		for _, p := range list {
			p := p.(object)
			all[fmt.Sprint(p["in"], " ", p["name"])] = p
		}
		return all
	}
	had, has := parameters(before), parameters(after)
	for name, p := range had {
		if has[name] == nil {
			c.add("the parameter %s is gone", name)
			continue
		}
		c.schema(name, p["schema"], has[name]["schema"], true)
	}
	for name, p := range has {
		if p["required"] == true && (had[name] == nil || had[name]["required"] != true) {
			c.add("the parameter %s is required", name)
		}
	}
	for kind, content := range inside(before, "requestBody", "content") {
		now := inside(after, "requestBody", "content", kind)
		if now == nil {
			c.add("a body of %s is refused", kind)
			continue
		}
		c.schema("input", inside(content)["schema"], now["schema"], true)
	}
	for status, response := range inside(before, "responses") {
		now := inside(after, "responses", status)
		if now == nil {
			c.add("there is no answer %s", status)
			continue
		}
		for kind, content := range inside(response, "content") {
			c.schema("output", inside(content)["schema"], inside(now, "content", kind)["schema"], false)
		}
	}
}

// schema compares what a client may send (input), or what it is sent.
func (c *comparison) schema(at string, then, now any, input bool) {
	before, after := c.resolve(c.then, then), c.resolve(c.now, now)
	if before == nil {
		return
	}
	if ref, ok := inside(then)["$ref"].(string); ok {
		if key := fmt.Sprint(ref, input); c.seen[key] {
			return
		} else {
			c.seen[key] = true
		}
	}
	if after == nil {
		c.add("%s is gone", at)
		return
	}
	had, has := list(before["type"]), list(after["type"])
	if narrow, wide := had, has; len(has) > 0 {
		if !input {
			narrow, wide = has, had
		}
		for _, kind := range narrow {
			if len(wide) > 0 && !slices.Contains(wide, kind) {
				c.add("%s is %v, not %v", at, has, had)
				break
			}
		}
	}
	if values := list(after["enum"]); input && len(values) > 0 {
		if len(list(before["enum"])) == 0 {
			c.add("%s must be one of %v", at, values)
		}
		for _, value := range list(before["enum"]) {
			if !slices.Contains(values, value) {
				c.add("%s must not be %q", at, value)
			}
		}
	}
	if longest, ok := after["maxLength"].(float64); input && ok {
		if was, ok := before["maxLength"].(float64); !ok || was > longest {
			c.add("%s has at most %v letters", at, longest)
		}
	}
	fields := inside(after, "properties")
	for name, field := range inside(before, "properties") {
		if fields[name] == nil {
			c.add("%s.%s is gone", at, name)
			continue
		}
		c.schema(at+"."+name, field, fields[name], input)
	}
	must, can, word := list(after["required"]), list(before["required"]), "required"
	if !input {
		must, can, word = can, must, "not always there"
	}
	for _, name := range must {
		if !slices.Contains(can, name) && (input || fields[name] != nil) {
			c.add("%s.%s is %s", at, name, word)
		}
	}
	c.schema(at+"[]", before["items"], after["items"], input)
	c.schema(at+".*", before["additionalProperties"], after["additionalProperties"], input)
}

func (c *comparison) resolve(doc object, schema any) object {
	o, _ := schema.(object)
	if ref, ok := o["$ref"].(string); ok {
		return inside(doc, "components", "schemas", strings.TrimPrefix(ref, "#/components/schemas/"))
	}
	return o
}

// list returns strings, of which there may be one without a list.
func list(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, each := range v {
			all = append(all, fmt.Sprint(each))
		}
	}
	return all
}

// TestBreaksAreFound: the gate finds what it is for, and lets pass what clients
// must bear.
func TestBreaksAreFound(t *testing.T) {
	text := []byte(readFile(t, releasedAPI))
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":            {``, ``, ``},
		"an action is gone":  {`"operationId": "message.send"`, `"operationId": "message.post"`, "is gone"},
		"another path":       {`"/api/v1/rooms/{room}/read"`, `"/api/v1/rooms/{room}/reads-to"`, "is gone"},
		"a field is gone":    {`"client_id": {`, `"message_id": {`, "client_id is gone"},
		"another type":       {`"head_no": {` + "\n      \"format\": \"int64\",\n      \"type\": \"integer\"", `"head_no": {"type": "string"`, "head_no is [string], not [integer]"},
		"a shorter text":     {`"maxLength": 64`, `"maxLength": 32`, "at most 32 letters"},
		"a value is refused": {`"none"`, `"nothing"`, `must not be "none"`},
	} {
		changed := bytes.ReplaceAll(text, []byte(c.old), []byte(c.new))
		if c.old != "" && bytes.Equal(changed, text) {
			t.Errorf("%s: nothing was changed", name)
			continue
		}
		var found []string
		for _, changes := range broken(document(t, text), document(t, changed)) {
			found = append(found, changes...)
		}
		if (c.want == "") != (len(found) == 0) || !strings.Contains(strings.Join(found, "\n"), c.want) {
			t.Errorf("%s: %q", name, found)
		}
	}
	for name, change := range map[string]func(doc object){
		"a new action":          func(doc object) { inside(doc, "paths")["/api/v1/new"] = object{"get": object{"operationId": "new"}} },
		"a new field":           func(doc object) { inside(doc, "components", "schemas", "Message", "properties")["new"] = object{} },
		"an optional parameter": func(doc object) { addParameter(doc, object{"in": "query", "name": "new"}) },
	} {
		now := document(t, text)
		change(now)
		if found := broken(document(t, text), now); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	now := document(t, text)
	addParameter(now, object{"in": "query", "name": "new", "required": true})
	if found := broken(document(t, text), now); len(found["room.list"]) != 1 {
		t.Errorf("a required parameter: %v", found)
	}
}

func addParameter(doc object, p object) {
	operation := inside(doc, "paths", "/api/v1/rooms", "get")
	all, _ := operation["parameters"].([]any)
	operation["parameters"] = append(all, p)
}
