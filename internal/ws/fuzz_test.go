package ws

import (
	"bytes"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// FuzzParseFrame feeds anything to the parser: it never reads past what it was
// given, and what it takes for a frame is one that another implementation reads
// alike.
func FuzzParseFrame(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, 'a', 'b'})
	f.Add([]byte{0x89, 0x80, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0xfe, 0, 126, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, used, bad := parse(bytes.Clone(data))
		if bad != nil {
			if used != 0 || bad.code < 1000 {
				t.Errorf("refused with %v after %d bytes", bad, used)
			}
			return
		}
		if used == 0 {
			return // not yet whole
		}
		if used > len(data) || len(got.payload) > maxMessage {
			t.Fatalf("%d of %d bytes, payload of %d", used, len(data), len(got.payload))
		}
		header, err := gobwas.ReadHeader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("the other implementation: %v", err)
		}
		payload := bytes.Clone(data[used-int(header.Length) : used])
		gobwas.Cipher(payload, header.Mask, 0)
		if byte(header.OpCode) != byte(got.op) || header.Fin != got.fin ||
			!bytes.Equal(payload, got.payload) {
			t.Errorf("%+v %q, the other implementation reads %+v %q", got, got.payload, header, payload)
		}
	})
}
