package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wire"
)

// sample has a field of each type that inputs have.
type sample struct {
	Room chat.RoomID    `json:"room"`
	No   int64          `json:"no"`
	Flag *bool          `json:"flag,omitempty"`
	Many []chat.UserID  `json:"many,omitempty"`
	In   map[string]any `json:"in,omitempty"`
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		json, field string
	}{
		"nothing":                     {"", ""},
		"no JSON":                     {"room", ""},
		"half":                        {`{"room":"a"`, ""},
		"something after it":          {`{"room":"a"} {}`, ""},
		"a comma too many":            {`{"room":"a",}`, ""},
		"a comment":                   {`{"room":"a"} // b`, ""},
		"an unknown field":            {`{"room":"a","role":"owner"}`, "role"},
		"a long unknown field":        {`{"` + strings.Repeat("ä", 30_000) + `":1}`, strings.Repeat("ä", 32)},
		"another case":                {`{"Room":"a"}`, "Room"},
		"a name twice":                {`{"room":"a","room":"b"}`, "room"},
		"a name twice, one escaped":   {`{"room":"a","r\u006fom":"b"}`, "room"},
		"a name twice deep inside":    {`{"in":{"a":{"b":1,"b":2}}}`, "b"},
		"a number for a string":       {`{"room":1}`, "room"},
		"a string for a number":       {`{"no":"1"}`, "no"},
		"a fraction":                  {`{"no":1.5}`, "no"},
		"an exponent":                 {`{"no":1e2}`, "no"},
		"more than 64 bits":           {`{"no":9223372036854775808}`, "no"},
		"far more than 64 bits":       {`{"no":1` + strings.Repeat("0", 60_000) + `}`, "no"},
		"a huge exponent":             {`{"no":1e999999999}`, "no"},
		"leading zero":                {`{"no":01}`, ""},
		"NaN":                         {`{"no":NaN}`, ""},
		"a string for a flag":         {`{"flag":"true"}`, "flag"},
		"an object for a list":        {`{"many":{}}`, "many"},
		"a list for the object":       {`[]`, ""},
		"a string for the object":     {`"a"`, ""},
		"a raw control character":     {"{\"room\":\"a\nb\"}", ""},
		"UTF-8 that is cut":           {"{\"room\":\"\xe2\x82\"}", ""},
		"UTF-8 longer than it has to": {"{\"room\":\"\xc0\xaf\"}", ""},
		"a surrogate in UTF-8":        {"{\"room\":\"\xed\xa0\x80\"}", ""},
		"UTF-8 past the last":         {"{\"room\":\"\xf4\x90\x80\x80\"}", ""},
		"a byte-order mark":           {"\ufeff{}", ""},
		"deep lists": {`{"in":{"a":` + strings.Repeat("[",
			40) + strings.Repeat("]", 40) + `}}`, ""},
		"deep objects":    {strings.Repeat(`{"in":`, 60_000/6), ""},
		"60,000 brackets": {strings.Repeat("[", 60_000), ""},
	} {
		var s sample
		err := wire.Decode([]byte(c.json), &s)
		e, ok := errors.AsType[*chat.Error](err)
		if !ok || e.Code != chat.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
			continue
		}
		if c.field != "" && e.Field != c.field {
			t.Errorf("%s: the field at fault is %q, want %q", name, e.Field, c.field)
		}
		if e.Message == "" || len(e.Message) > 300 || !utf8.ValidString(e.Message) {
			t.Errorf("%s: the message %q", name, e.Message)
		}
	}
}

func TestDecodeTakes(t *testing.T) {
	for _, good := range []string{
		`{}`, ` { "room" : "a" } `, `{"no":-9223372036854775808}`, `{"no":9223372036854775807}`,
		`{"flag":true,"many":["a","b"]}`,
		`{"in":{"a":` + strings.Repeat("[", 29) + `"]]][[[{{{"` + strings.Repeat("]", 29) + `}}`,
		`{"room":"\ud83c\udf89 \" \\ / \u0000"}`,
		`{"room":"` + strings.Repeat("[{", 1000) + `"}`,
	} {
		var s sample
		if err := wire.Decode([]byte(good), &s); err != nil {
			t.Errorf("%.80s: %v", good, err)
		}
	}
}

// TestHalfAnEmoji: half of a surrogate pair becomes U+FFFD, on whatever way it
// comes in.
func TestHalfAnEmoji(t *testing.T) {
	for in, want := range map[string]string{
		`\ud83d`: "\ufffd", `a\ud83d`: "a\ufffd", `\ud83dz`: "\ufffdz", `\udc4d`: "\ufffd",
		`\udc4d\ud83d`: "\ufffd\ufffd", `\ud83d\ud83d\udc4d`: "\ufffd👍", `\ud83d\udc4d`: "👍",
	} {
		req, bad := wire.ParseRequest([]byte(
			`{"jsonrpc":"2.0","id":7,"method":"message.send","params":{"room":"` + in + `"}}`))
		if bad != nil {
			t.Errorf("%s: refused with %s", in, bad)
			continue
		}
		var s, direct chat.RoomInput
		if err := req.Into(&s); err != nil || string(s.Room) != want {
			t.Errorf("%s: %q, %v, want %q", in, s.Room, err, want)
		}
		if err := wire.Decode([]byte(`{"room":"`+in+`"}`), &direct); err != nil || direct.Room != s.Room {
			t.Errorf("%s, directly: %q, %v", in, direct.Room, err)
		}
	}
}

// TestEscaping: text is as long on the wire as it is, but for what JSON must
// escape, and what ends lines in JavaScript.
func TestEscaping(t *testing.T) {
	e := &chat.Event{Kind: chat.MessageCreated,
		Message: &chat.Message{Text: strings.Repeat("<&>", 5000)}}
	for name, frame := range map[string][]byte{"an event": wire.Event(e),
		"a result": wire.Result([]byte("1"), e)} {
		if len(frame) > 16_000 {
			t.Errorf("%s with a text of 15,000 bytes has %d", name, len(frame))
		}
	}
	e.Message.Text = "\u2028\u2029"
	if got := wire.Event(e); bytes.Contains(got, []byte("\u2028")) || bytes.Contains(got, []byte("\u2029")) {
		t.Errorf("line ends of JavaScript are not escaped: %q", got)
	}
}

// TestDecodeCutEverywhere cuts a request at each byte: no part of it is taken
// for a request.
func TestDecodeCutEverywhere(t *testing.T) {
	whole := []byte(`{"jsonrpc":"2.0","id":"ä","method":"message.send","params":{"room":"a","text":"ß 🎉 \u00e4"}}`)
	if _, bad := wire.ParseRequest(whole); bad != nil {
		t.Fatalf("%s", bad)
	}
	for i := range whole {
		if _, bad := wire.ParseRequest(whole[:i]); bad == nil {
			t.Errorf("%q is taken for a request", whole[:i])
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		frame string
		code  int
		id    string
	}{
		"no JSON":            {`hello`, -32700, "null"},
		"bad UTF-8":          {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "1"},
		"a batch":            {`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, -32600, "null"},
		"an empty batch":     {`[]`, -32600, "null"},
		"a string":           {`"ping"`, -32600, "null"},
		"null":               {`null`, -32600, "null"},
		"no version":         {`{"id":1,"method":"ping"}`, -32600, "1"},
		"version 1":          {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, -32600, "1"},
		"a version number":   {`{"jsonrpc":2.0,"id":1,"method":"ping"}`, -32600, "1"},
		"no method":          {`{"jsonrpc":"2.0","id":1}`, -32600, "1"},
		"an empty method":    {`{"jsonrpc":"2.0","id":1,"method":""}`, -32600, "1"},
		"a notification":     {`{"jsonrpc":"2.0","method":"ping"}`, -32600, "null"},
		"id null":            {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, "null"},
		"id with a fraction": {`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, -32600, "null"},
		"id an object":       {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600, "null"},
		"id too long": {`{"jsonrpc":"2.0","id":"` + strings.Repeat("a", 65) +
			`","method":"ping"}`, -32600, "null"},
		"id too large":      {`{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}`, -32600, "null"},
		"params a list":     {`{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, -32602, "1"},
		"params null":       {`{"jsonrpc":"2.0","id":1,"method":"ping","params":null}`, -32602, "1"},
		"an unknown member": {`{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}`, -32600, "1"},
		"id twice":          {`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, -32600, "1"},
	} {
		_, bad := wire.ParseRequest([]byte(c.frame))
		if bad == nil {
			t.Errorf("%s: taken for a request", name)
			continue
		}
		var answer struct {
			ID    json.RawMessage `json:"id"`
			Error struct {
				Code int `json:"code"`
			} `json:"error"`
		}
		if err := json.Unmarshal(bad, &answer); err != nil {
			t.Errorf("%s: %s: %v", name, bad, err)
		}
		if answer.Error.Code != c.code || string(answer.ID) != c.id {
			t.Errorf("%s: answered %s, want code %d for id %s", name, bad, c.code, c.id)
		}
	}
}

// TestRequestOutlivesItsFrame: frames are read into buffers that are used
// again.
func TestRequestOutlivesItsFrame(t *testing.T) {
	frame := []byte(`{"jsonrpc":"2.0","id":"one","method":"message.get","params":{"room":"a","no":7}}`)
	req, bad := wire.ParseRequest(frame)
	if bad != nil {
		t.Fatalf("%s", bad)
	}
	for i := range frame {
		frame[i] = 'x'
	}
	var in chat.MessageInput
	if err := req.Into(&in); err != nil || in.Room != "a" || in.No != 7 ||
		string(req.ID) != `"one"` || req.Method != "message.get" {
		t.Errorf("%s %s %+v %v after the buffer was used again", req.ID, req.Method, in, err)
	}
}

func TestIntoWithoutParams(t *testing.T) {
	var in chat.UserPageInput
	if err := (wire.Request{}).Into(&in); err != nil {
		t.Error(err)
	}
	if err := (wire.Request{Params: []byte(`{"limit":5,"x":1}`)}).Into(&in); !errors.Is(err,
		chat.ErrInvalid) {
		t.Errorf("an unknown field: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`,
		`{"room":"a","no":1,"flag":true,"many":["a"],"in":{"a":[1,2.5,"x",null]}}`,
		`{"room":"\ud83c\udf89"}`, `{"a":{"a":1,"a":2}}`, "{\"room\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s sample
		err := wire.Decode(data, &s)
		if err != nil {
			if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.CodeInvalid ||
				e.Message == "" {
				t.Fatalf("an error of another kind: %#v", err)
			}
			return
		}
		// What is taken is JSON by the standard library's judgement too, UTF-8,
		// and means the same.
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatalf("%q is no JSON in UTF-8", data)
		}
		var std sample
		if err := json.Unmarshal(data, &std); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if fmt.Sprint(s.Room, s.No, s.Many) != fmt.Sprint(std.Room, std.No, std.Many) {
			t.Fatalf("%q: %+v, the standard library says %+v", data, s, std)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"message.send","params":{"room":"a","text":"hi","client_id":"c"}}`, `{"jsonrpc":"2.0","id":"x","method":"ping"}`, `[]`, `null`, `{"id":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		req, bad := wire.ParseRequest(frame)
		if !bytes.Equal(before, frame) {
			t.Fatal("the frame was changed")
		}
		if bad != nil {
			if !json.Valid(bad) || !utf8.Valid(bad) {
				t.Fatalf("%q is answered with %q", frame, bad)
			}
			return
		}
		if req.Method == "" || len(req.ID) == 0 || len(req.ID) > 66 || len(req.Params) > 0 &&
			req.Params[0] != '{' {
			t.Fatalf("%q became %+v", frame, req)
		}
		var in chat.SendInput
		if req.Into(&in) == nil {
			for _, out := range [][]byte{wire.Result(req.ID, in), wire.UnknownMethod(req.ID, req.Method)} {
				if !json.Valid(out) {
					t.Fatalf("%q is answered with %q", frame, out)
				}
			}
		}
	})
}
