package socketio

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
)

// Args are the arguments that came with an event or an acknowledgement. They
// belong to whoever got them.
type Args struct {
	// JSON has one element for each argument, of which there may be none:
	// Decode and Bytes look. Where an argument is or contains bytes, there is a
	// placeholder.
	JSON []json.RawMessage
	// Attachments are the bytes, in order of their placeholders' numbers; each
	// is used once.
	Attachments [][]byte
}

// Len is how many arguments there are.
func (a Args) Len() int { return len(a.JSON) }

// Bytes returns an argument that is bytes; false if there is no such argument
// or it is something else.
func (a Args) Bytes(i int) ([]byte, bool) {
	if i < 0 || i >= len(a.JSON) || len(a.Attachments) == 0 {
		return nil, false
	}
	end, num, ok := readPlaceholder(a.JSON[i])
	if !ok || end != len(a.JSON[i]) || num < 0 || num >= len(a.Attachments) {
		return nil, false
	}
	return a.Attachments[num], true
}

// Decode decodes an argument into what v points to, as encoding/json does.
// Bytes that it contains are found wherever v has a []byte.
func (a Args) Decode(i int, v any) error {
	if i < 0 || i >= len(a.JSON) {
		return fmt.Errorf("socketio: there is no argument %d", i)
	}
	data := []byte(a.JSON[i])
	if len(a.Attachments) > 0 {
		data = a.attach(data)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("socketio: decoding argument %d: %w", i, err)
	}
	return nil
}

// attach writes attachments as base64 where their placeholders are.
func (a Args) attach(data []byte) []byte {
	var out []byte
	at := 0
	for _, p := range survey(data).placeholders {
		if p.num < 0 || p.num >= len(a.Attachments) {
			continue
		}
		out = append(append(out, data[at:p.at]...), '"')
		out = append(base64.StdEncoding.AppendEncode(out, a.Attachments[p.num]), '"')
		at = p.end
	}
	return append(out, data[at:]...)
}

// Values returns the arguments as Emit takes them, without decoding them: bytes
// that are an argument of their own as []byte, and all else as JSON. Of
// arguments that contain bytes deeper down it is an error.
func (a Args) Values() ([]any, error) {
	out := make([]any, len(a.JSON))
	used := 0
	for i := range a.JSON {
		if b, ok := a.Bytes(i); ok {
			out[i] = b
			used++
			continue
		}
		out[i] = a.JSON[i]
	}
	if used != len(a.Attachments) {
		return nil, errors.New("socketio: an argument contains bytes")
	}
	return out, nil
}

// ErrAnswered is returned by the second Ack of an event.
var ErrAnswered = errors.New("socketio: the event is acknowledged already")

// Event is one event from a client.
type Event struct {
	Name   string
	Socket *Socket
	Args

	id       int64 // -1 if the client wants no acknowledgement
	answered atomic.Bool
}

// WantsAck reports whether the client waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.id >= 0 }

// Ack answers the event, at any time, from any goroutine, with arguments as of
// Emit. If the client does not wait for it, nothing happens.
func (e *Event) Ack(args ...any) error {
	if e.id < 0 {
		return nil
	}
	p, err := encodeArgs(e.Socket.ns.name, kindAck, e.id, args)
	if err != nil {
		return err
	}
	if e.answered.Swap(true) {
		return ErrAnswered
	}
	return e.Socket.send(p)
}
