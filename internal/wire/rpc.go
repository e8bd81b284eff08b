// Package wire is the language of the WebSocket: JSON-RPC 2.0 requests,
// results, errors and notifications, and the strict decoding of JSON that both
// transports share. docs/protocol.md describes it.
package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/parley-chat/parley/internal/chat"
)

// Request is a client's request.
type Request struct {
	ID     jsontext.Value // a JSON string or integer
	Method string
	Params jsontext.Value // a JSON object, or empty
}

// JSON-RPC's own codes.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
)

// codes is the one table from the domain's refusals to JSON-RPC.
var codes = map[chat.Code]int{
	chat.CodeInvalid:         codeParams,
	chat.CodeUnauthenticated: -32001,
	chat.CodeForbidden:       -32003,
	chat.CodeNotFound:        -32004,
	chat.CodeConflict:        -32009,
	chat.CodeResync:          -32010,
	chat.CodeTooLarge:        -32013,
	chat.CodeRateLimited:     -32029,
	chat.CodeInternal:        codeInternal,
	chat.CodeUnavailable:     -32053,
}

// ParseRequest decodes one frame. If it is no request, the second result is the
// frame to answer with.
func ParseRequest(frame []byte) (Request, []byte) {
	var r struct {
		JSONRPC string         `json:"jsonrpc"`
		ID      jsontext.Value `json:"id"`
		Method  string         `json:"method"`
		Params  jsontext.Value `json:"params"`
	}
	if err := Decode(frame, &r); err != nil {
		code := codeParse
		if jsontext.Value(frame).IsValid(jsontext.AllowDuplicateNames(true)) {
			code = codeRequest
		}
		return Request{}, failure(findID(frame), code, chat.AsError(err))
	}
	id := r.ID
	if !isID(id) {
		return Request{}, failure(nil, codeRequest,
			&chat.Error{Code: chat.CodeInvalid, Field: "id",
				Message: "A request needs an id: a string of at most 64 bytes, or an integer."})
	}
	if r.JSONRPC != "2.0" || r.Method == "" {
		return Request{}, failure(id, codeRequest,
			&chat.Error{Code: chat.CodeInvalid, Message: `a request has "jsonrpc":"2.0" and a method`})
	}
	if len(r.Params) > 0 && r.Params.Kind() != '{' {
		return Request{}, failure(id, codeParams,
			&chat.Error{Code: chat.CodeInvalid, Field: "params", Message: "params must be an object."})
	}
	return Request{ID: id, Method: r.Method, Params: r.Params}, nil
}

// findID returns the id of a frame that cannot be decoded, nil if it does not
// come before what is wrong: the client then knows which call is answered.
func findID(frame []byte) jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(frame), jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	for {
		name, err := d.ReadToken()
		if err != nil || name.Kind() != '"' {
			return nil
		}
		if name.String() != "id" {
			err = d.SkipValue()
		} else if id, err := d.ReadValue(); err == nil && isID(id) && utf8.Valid(id) {
			return id.Clone()
		}
		if err != nil {
			return nil
		}
	}
}

func isID(id jsontext.Value) bool {
	if len(id) > 66 {
		return false
	}
	switch id.Kind() {
	case '"':
		return true
	case '0':
		_, err := strconv.ParseInt(string(id), 10, 64)
		return err == nil
	}
	return false
}

// Into decodes the params of a method; none is the same as {}.
func (r Request) Into(in any) error { return DecodeInput(r.Params, in) }

// Result is the frame that answers a request with what came out.
func Result(id jsontext.Value, out any) []byte {
	b := make([]byte, 0, 256)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, `,"result":`...)
	return appendValue(b, out)
}

// Error is the frame that answers a request with a refusal.
func Error(id jsontext.Value, e *chat.Error) []byte { return failure(id, codes[e.Code], e) }

// UnknownMethod is the frame that answers a request for a method that is not
// there.
func UnknownMethod(id jsontext.Value, method string) []byte {
	return failure(id, codeMethod,
		&chat.Error{Code: chat.CodeNotFound, Field: "method",
			Message: "There is no method " + strconv.QuoteToASCII(method[:min(len(method), 64)]) + "."})
}

func failure(id jsontext.Value, code int, e *chat.Error) []byte {
	if id == nil {
		id = jsontext.Value("null")
	}
	type data struct {
		Code         chat.Code     `json:"code"`
		Field        string        `json:"field,omitempty"`
		RetryAfterMS int64         `json:"retry_after_ms,omitempty"`
		Details      *chat.Details `json:"because,omitempty"`
	}
	b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	b = append(b, `,"error":`...)
	return appendValue(b, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    data   `json:"data"`
	}{code, e.Message, data{e.Code, e.Field, e.RetryAfter.Milliseconds(), e.Details}})
}

// appendValue appends v and the closing brace of the frame.
func appendValue(b []byte, v any) []byte {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("wire: our own type does not encode: " + err.Error())
	}
	b = bytes.TrimRight(buf.Bytes(), "\n")
	return append(b, '}')
}

func notification(method string, params any) []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"jsonrpc":"2.0","method":"`...)
	b = append(b, method...)
	b = append(b, `","params":`...)
	return appendValue(b, params)
}

// Event is the notification of an event.
func Event(e *chat.Event) []byte { return notification("event", e) }

// Signal is the notification of a signal.
func Signal(s chat.Signal) []byte { return notification("signal", SignalBody(s)) }

// SignalBody is what is told of a signal.
func SignalBody(s chat.Signal) any {
	if s.Kind != chat.Presence {
		return s
	}
	return struct { // online is told also where it is false
		Stream chat.Stream     `json:"stream"`
		Kind   chat.SignalKind `json:"kind"`
		User   chat.UserID     `json:"user"`
		Online bool            `json:"online"`
	}{s.Stream, s.Kind, s.User, s.Online}
}

// StreamPosition is what is told of a stream that is resumed, or has to be
// fetched again.
type StreamPosition struct {
	Stream   chat.Stream   `json:"stream"`
	Position chat.Position `json:"position"`
}

// Resumed says that what was missed of a stream has been sent.
func Resumed(s chat.Stream, p chat.Position) []byte {
	return notification("resumed", StreamPosition{s, p})
}

// Resync says that a stream has to be fetched again, and goes on after p.
func Resync(s chat.Stream, p chat.Position) []byte {
	return notification("resync", StreamPosition{s, p})
}

// Farewell is what is told before the server closes.
type Farewell struct {
	Reason  string `json:"reason"`
	RetryMS int64  `json:"retry_ms"`
}

// Goodbye says that the server closes soon, and when to come back.
func Goodbye(reason string, retry time.Duration) []byte {
	return notification("goodbye", Farewell{reason, retry.Milliseconds()})
}

// State answers sync.
type State struct {
	ServerID       string          `json:"server_id"`
	User           chat.User       `json:"user"`
	Session        chat.SessionID  `json:"session"`
	UserPosition   chat.Position   `json:"user_position"`
	ServerPosition *chat.Position  `json:"server_position,omitempty"` // not for guests
	Rooms          []chat.RoomView `json:"rooms"`
	Gone           []chat.Stream   `json:"gone"`
	Limits         chat.Limits     `json:"limits"`
	HeartbeatS     int             `json:"heartbeat_s"`
	Emoji          int64           `json:"emoji_revision,omitempty"` // of emoji.list
}

// SyncInput is what sync takes.
type SyncInput struct {
	Device    string                        `json:"device,omitempty"`
	Positions map[chat.Stream]chat.Position `json:"positions,omitempty"`
}

// Check judges the input; at most so many positions are taken.
func (in SyncInput) Check(positions int) error {
	switch {
	case !chat.IsDevice(in.Device):
		return &chat.Error{Code: chat.CodeInvalid, Field: "device",
			Message: "device can have at most 64 letters, digits and -_ characters."}
	case len(in.Positions) > positions:
		return &chat.Error{Code: chat.CodeInvalid, Field: "positions",
			Message: "There are more positions than one person can have."}
	}
	for _, p := range in.Positions {
		if p.Seq < 0 {
			return &chat.Error{Code: chat.CodeInvalid, Field: "positions",
				Message: "seq must not be negative."}
		}
	}
	return nil
}

// AuthenticateInput is what authenticate takes.
type AuthenticateInput struct {
	Token string `json:"token"`
}
