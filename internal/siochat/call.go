package siochat

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/live"
	"github.com/parley-chat/parley/internal/socketio"
	"github.com/parley-chat/parley/internal/wire"
)

// native is the dialect that docs/protocol.md describes.
type native struct{ c *conn }

// Event does an action.
func (n native) Event(e *socketio.Event) {
	input, err := inputOf(e)
	if err != nil {
		n.c.Out.Send(call{e, nil}.Refusal(chat.AsError(err)))
		return
	}
	n.c.Do(call{e, input})
}

// Send hands a frame to the socket.
func (n native) Send(f hub.Frame) error {
	switch f := f.(type) {
	case *socketio.Packet:
		return n.c.socket.Send(f)
	case *answer:
		return f.to.Ack(f.body)
	}
	return nil
}

// goodbye is what a client is told before the end.
type goodbye struct {
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
	RetryMS *int64 `json:"retry_ms,omitempty"` // nil if there is no use in coming back as before
}

// Goodbye says why the session is closed.
func (n native) Goodbye(c live.Closing) {
	g := goodbye{Reason: c.Reason, Code: c.Code}
	if ms := c.After.Milliseconds(); c.ComeBack || ms > 0 {
		g.RetryMS = &ms
	}
	n.c.socket.Emit("goodbye", g)
}

// call is an event that asks for an action, and its input; nil for none.
type call struct {
	e     *socketio.Event
	input json.RawMessage
}

func (c call) Method() string { return c.e.Name }

func (c call) Decode(into any) error {
	return wire.DecodeInput(c.input, into)
}

func (c call) Result(out any) hub.Frame { return newAnswer(c.e, out) }

func (c call) Refusal(e *chat.Error) hub.Frame { return newAnswer(c.e, failed{newFailure(e)}) }

func (c call) Unknown() hub.Frame {
	return c.Refusal(&chat.Error{Code: chat.CodeNotFound,
		Message: "there is no action " + strconv.QuoteToASCII(c.e.Name[:min(len(c.e.Name), 64)])})
}

// inputOf returns the event's one argument, nil if there is none.
func inputOf(e *socketio.Event) (json.RawMessage, error) {
	switch {
	case len(e.Attachments) > 0:
		return nil, &chat.Error{Code: chat.CodeInvalid, Message: "binary data is not supported: send JSON"}
	case e.Len() > 1:
		return nil, &chat.Error{Code: chat.CodeInvalid,
			Message: "an event has one argument, an object, and may have an acknowledgement"}
	case e.Len() == 0 || string(e.JSON[0]) == "null":
		return nil, nil
	}
	input := bytes.TrimLeft(e.JSON[0], " \t\r\n")
	if len(input) > maxMessage {
		return nil, &chat.Error{Code: chat.CodeTooLarge, Message: "an event has at most 65536 bytes"}
	}
	if input[0] != '{' {
		return nil, &chat.Error{Code: chat.CodeInvalid, Message: "an event's argument is an object"}
	}
	return input, nil
}
