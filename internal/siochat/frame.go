package siochat

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/wire"
)

// encoder writes what the hub says as events of Socket.IO.
type encoder struct{}

func (encoder) Event(e *chat.Event) hub.Frame  { return encode("event", e) }
func (encoder) Signal(s chat.Signal) hub.Frame { return encode("signal", wire.SignalBody(s)) }
func (encoder) Resumed(s chat.Stream, p chat.Position) hub.Frame {
	return encode("resumed", wire.StreamPosition{Stream: s, Position: p})
}
func (encoder) Resync(s chat.Stream, p chat.Position) hub.Frame {
	return encode("resync", wire.StreamPosition{Stream: s, Position: p})
}
func (encoder) Goodbye(reason string, retry time.Duration) hub.Frame {
	return encode("goodbye", wire.Farewell{Reason: reason, RetryMS: retry.Milliseconds()})
}

func encode(event string, body any) *socketio.Packet {
	p, err := socketio.Encode(namespace, event, body)
	if err != nil {
		panic("siochat: our own type does not encode: " + err.Error())
	}
	return p
}

// answer is a frame that acknowledges an event.
type answer struct {
	to   *socketio.Event
	body json.RawMessage
}

// ackHead is about what an acknowledgement has besides its body, in bytes.
const ackHead = 16

func (a *answer) Size() int { return len(a.body) + ackHead }

func newAnswer(to *socketio.Event, body any) *answer {
	to.Args = socketio.Args{} // what was asked is no longer needed, and may be large
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic("siochat: our own type does not encode: " + err.Error())
	}
	return &answer{to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}

// failed is the answer to an event that was refused.
type failed struct {
	Error failure `json:"error"`
}

// failure is how a refusal is told.
type failure struct {
	Code         chat.Code     `json:"code"`
	Message      string        `json:"message"`
	Field        string        `json:"field,omitempty"`
	RetryAfterMS int64         `json:"retry_after_ms,omitempty"`
	Details      *chat.Details `json:"because,omitempty"`
}

func newFailure(e *chat.Error) failure {
	return failure{e.Code, e.Message, e.Field, e.RetryAfter.Milliseconds(), e.Details}
}
