package websocket

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzParse feeds anything to the parser. It never reads past what it was
// given, takes a frame only whole, and reads it as another implementation does.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x81\x82\x00\x00\x00\x004x"), 2)
	f.Add([]byte("\x82\xfe\x00\x7e\x01\x02\x03\x04"), 1)
	f.Add([]byte("\x88\x80\x00\x00\x00\x00"), 5)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		const limit = 1000
		got, used, bad := parse(bytes.Clone(data), limit)
		if used > len(data) || len(got.payload) > limit || bad != nil && (used != 0 || bad.Code < 1000) {
			t.Fatalf("%d of %d bytes, payload of %d, %v", used, len(data), len(got.payload), bad)
		}
		if used == 0 {
			return
		}
		header, err := ws.ReadHeader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("the other implementation: %v", err)
		}
		payload := bytes.Clone(data[used-int(header.Length) : used])
		ws.Cipher(payload, header.Mask, 0)
		if byte(header.OpCode) != byte(got.op) || header.Fin != got.fin ||
			!bytes.Equal(payload, got.payload) {
			t.Errorf("%+v %q, the other implementation reads %+v %q", got, got.payload, header, payload)
		}
		if cut < 0 || cut >= used {
			return
		}
		if _, n, err := parse(bytes.Clone(data[:cut]), limit); n != 0 || err != nil {
			t.Errorf("%d of %d bytes: %d %v", cut, used, n, err)
		}
	})
}
