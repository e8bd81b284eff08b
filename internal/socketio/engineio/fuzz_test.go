package engineio

import (
	"bytes"
	"encoding/base64"
	"testing"
	"unicode/utf8"
)

// What is decoded encodes to the payload that it was decoded from.
func FuzzDecodePayload(f *testing.F) {
	for _, s := range []string{"4hello", "4a\x1ebAQIDBA==\x1e2", "3", "1", "", "\x1e\x1e", "b",
		"b====", "4\xff", "7", "b\nAQ=="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var out []byte
		n := 0
		err := decodePayload(bytes.Clone(payload), func(p incoming) error {
			if n++; n > 1 {
				out = append(out, separator)
			}
			if p.binary {
				out = base64.StdEncoding.AppendEncode(append(out, 'b'), p.data)
			} else {
				out = append(append(out, p.kind), p.data...)
			}
			return nil
		})
		if err != nil {
			return
		}
		if !utf8.Valid(payload) || n != bytes.Count(payload, []byte{separator})+1 {
			t.Errorf("%q was taken as %d packets", payload, n)
		}
		// base64 may have line ends and stray bits
		if !bytes.ContainsAny(payload, "\r\nb") && !bytes.Equal(out, payload) {
			t.Errorf("%q became %q", payload, out)
		}
	})
}
