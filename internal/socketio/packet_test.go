package socketio

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestArgs(t *testing.T) {
	a := Args{
		JSON: []json.RawMessage{
			json.RawMessage(`{"_placeholder":true,"num":1}`),
			json.RawMessage(`{"file":{"num":0,"_placeholder":true},"name":"{\"_placeholder\":true,\"num\":0}"}`),
			json.RawMessage(`[1,2]`),
		},
		Attachments: [][]byte{[]byte("zero"), []byte("one")},
	}
	if b, ok := a.Bytes(0); !ok || string(b) != "one" {
		t.Errorf("%q %v", b, ok)
	}
	for _, i := range []int{-1, 1, 2, 3} {
		if b, ok := a.Bytes(i); ok {
			t.Errorf("argument %d is %q", i, b)
		}
		if err := a.Decode(i, new(string)); err == nil {
			t.Errorf("argument %d is a string", i)
		}
	}
	var b []byte
	if err := a.Decode(0, &b); err != nil || string(b) != "one" {
		t.Errorf("%q %v", b, err)
	}
	var file struct {
		File []byte
		Name string
	}
	if err := a.Decode(1, &file); err != nil || string(file.File) != "zero" ||
		file.Name != `{"_placeholder":true,"num":0}` {
		t.Errorf("%+v %v", file, err)
	}
	if v, err := a.Values(); err == nil {
		t.Errorf("%v: an attachment is lost", v)
	}
	a.JSON = a.JSON[:1]
	a.Attachments = [][]byte{nil, []byte("one")}
	if _, err := a.Values(); err == nil {
		t.Error("an attachment is lost")
	}
}

// What is decoded keeps the bounds, and encodes to what decodes to the same.
func FuzzDecodePacket(f *testing.F) {
	for _, s := range []string{
		`0`, `0/a,{"b":1}`, `1/a`, `2["a"]`, `2/a,12["a",{"b":[]}]`, `31[]`,
		`51-["a",{"_placeholder":true,"num":0}]`,
		`62-/a,7[{"num":1,"_placeholder":true},[{"_placeholder":true,"num":0}]]`,
		`50-["a"]`, `2/,["a"]`, "2[\"\\ud800\"]", `2["a","}{]["]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		p, err := decodePacket(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if len(p.args) > maxArgs || p.attachments > maxAttachments ||
			len(p.namespace) > maxNamespace || p.id < -1 || p.namespace[0] != '/' {
			t.Fatalf("%+v", p)
		}
		again := appendHead(nil, p.kind, p.attachments, p.namespace, p.id)
		switch {
		case p.args != nil:
			data, err := encodeJSON(p.args)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, data...)
		case p.auth != nil:
			again = append(again, p.auth...)
		}
		q, err := decodePacket(again)
		if err != nil {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
		if q.kind != p.kind || q.namespace != p.namespace || q.id != p.id ||
			q.attachments != p.attachments || len(q.args) != len(p.args) {
			t.Fatalf("%+v became %+v", p, q)
		}
		for i := range p.args {
			var x, y any
			if err := json.Unmarshal(p.args[i], &x); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(q.args[i], &y); err != nil || !reflect.DeepEqual(x, y) {
				t.Fatalf("%s became %s: %v", p.args[i], q.args[i], err)
			}
		}
		a := Args{p.args, make([][]byte, p.attachments)}
		for i := range p.args {
			var v any
			if err := a.Decode(i, &v); err != nil {
				t.Fatal(err)
			}
			a.Bytes(i)
		}
	})
}
