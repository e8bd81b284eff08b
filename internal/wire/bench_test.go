package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wire"
)

func BenchmarkDecodeSend(b *testing.B) {
	frame := []byte(`{"jsonrpc":"2.0","id":123456,"method":"message.send","params":{"room":"general","text":"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789","client_id":"b123456"}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		req, bad := wire.ParseRequest(frame)
		if bad != nil {
			b.Fatalf("%s", bad)
		}
		var in chat.SendInput
		if err := req.Into(&in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := events[5]
	b.ReportAllocs()
	for b.Loop() {
		wire.Event(e)
	}
}

func BenchmarkEncodeResult(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		wire.Result(jsontext.Value("123456"), message)
	}
}
