package ws

import (
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/websocket"
	"github.com/parley-chat/parley/internal/wire"
)

// maxMessage bounds a message from a client, in bytes.
const maxMessage = 64 << 10

// encodeFrame puts the header of a text frame before its payload.
func encodeFrame(payload []byte) hub.Bytes {
	n := len(payload)
	b := websocket.AppendHeader(make(hub.Bytes, 0, websocket.HeaderSize(n)+n), false, n)
	return append(b, payload...)
}

// encoder writes what the hub says as text frames.
type encoder struct{}

func (encoder) Event(e *chat.Event) hub.Frame  { return encodeFrame(wire.Event(e)) }
func (encoder) Signal(s chat.Signal) hub.Frame { return encodeFrame(wire.Signal(s)) }
func (encoder) Resumed(s chat.Stream, p chat.Position) hub.Frame {
	return encodeFrame(wire.Resumed(s, p))
}
func (encoder) Resync(s chat.Stream, p chat.Position) hub.Frame {
	return encodeFrame(wire.Resync(s, p))
}
func (encoder) Goodbye(reason string, retry time.Duration) hub.Frame {
	return encodeFrame(wire.Goodbye(reason, retry))
}
