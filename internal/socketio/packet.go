package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/parley-chat/parley/internal/socketio/engineio"
)

// Types of packets, as they stand on the wire.
const (
	kindConnect      byte = '0'
	kindDisconnect   byte = '1'
	kindEvent        byte = '2'
	kindAck          byte = '3'
	kindConnectError byte = '4'
	kindBinaryEvent  byte = '5'
	kindBinaryAck    byte = '6'
)

// Bounds of what a client may send, besides Options.MaxPayload.
const (
	maxNamespace   = 128 // bytes of a namespace's name
	maxDepth       = 64  // JSON arrays and objects inside one another
	maxArgs        = 256 // arguments of an event, its name included
	maxAttachments = 64  // of one packet
	maxIDDigits    = 15  // of an acknowledgement's identifier: what fits a JavaScript number
)

var errFormat = errors.New("socketio: a packet is malformed")

// packet is one packet from a client, without its attachments.
type packet struct {
	kind        byte
	namespace   string
	id          int64 // -1 for none
	args        []json.RawMessage
	auth        json.RawMessage // of CONNECT, nil for none
	attachments int
	size        int // bytes it came in, with its attachments
}

// decodePacket reads one packet. Nothing of what it returns lies in b.
func decodePacket(b []byte) (packet, error) {
	p := packet{namespace: "/", id: -1, size: len(b)}
	if len(b) == 0 || b[0] < kindConnect || b[0] > kindBinaryAck {
		return p, errFormat
	}
	p.kind, b = b[0], b[1:]
	binary := p.kind == kindBinaryEvent || p.kind == kindBinaryAck
	if binary {
		count, rest, ok := bytes.Cut(b, []byte("-"))
		n, digits := leadingNumber(count)
		if !ok || digits == 0 || digits != len(count) || n > maxAttachments {
			return p, errFormat
		}
		p.attachments, b = int(n), rest
	}
	if len(b) > 0 && b[0] == '/' {
		name, rest := b, []byte(nil)
		if i := bytes.IndexByte(b[:min(len(b), maxNamespace+1)], ','); i >= 0 {
			name, rest = b[:i], b[i+1:]
		}
		if len(name) > maxNamespace {
			return p, errFormat
		}
		p.namespace, b = string(name), rest
	}
	if n, digits := leadingNumber(b); digits > 0 {
		if digits > maxIDDigits {
			return p, errFormat
		}
		p.id, b = n, b[digits:]
	}
	return p, p.decodeData(b, binary)
}

// decodeData reads the JSON at a packet's end, as its type wants it.
func (p *packet) decodeData(b []byte, binary bool) error {
	switch p.kind {
	case kindConnect:
		if p.id >= 0 {
			return errFormat
		}
		if len(b) == 0 {
			return nil
		}
		if b[0] != '{' || survey(b).depth > maxDepth || !json.Valid(b) {
			return errFormat
		}
		p.auth = bytes.Clone(b)
		return nil
	case kindDisconnect:
		if p.id >= 0 || len(b) > 0 {
			return errFormat
		}
		return nil
	case kindConnectError: // only a server sends one
		return errFormat
	}
	if len(b) == 0 || b[0] != '[' {
		return errFormat
	}
	seen := survey(b)
	if seen.depth > maxDepth || seen.commas >= maxArgs {
		return errFormat
	}
	if err := json.Unmarshal(b, &p.args); err != nil {
		return errFormat
	}
	if binary && !eachOnce(seen.placeholders, p.attachments) {
		return errFormat
	}
	if p.kind == kindAck || p.kind == kindBinaryAck {
		if p.id < 0 {
			return errFormat
		}
		return nil
	}
	if len(p.args) == 0 || p.args[0][0] != '"' || reserved(p.event()) {
		return errFormat
	}
	return nil
}

// event is the name of an event.
func (p *packet) event() string {
	var name string
	if err := json.Unmarshal(p.args[0], &name); err != nil {
		return ""
	}
	return name
}

// reserved tells the names that clients keep for themselves.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// leadingNumber reads the digits that b begins with. With more than
// maxIDDigits, n means nothing.
func leadingNumber(b []byte) (n int64, digits int) {
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		if digits < maxIDDigits {
			n = n*10 + int64(b[digits]-'0')
		}
		digits++
	}
	if digits > maxIDDigits {
		n = 1<<63 - 1
	}
	return n, digits
}

// placeholder stands in JSON where an attachment belongs.
type placeholder struct {
	at, end int // of the JSON
	num     int
}

// surveyed is what one look over JSON has found.
type surveyed struct {
	depth        int
	commas       int // between the elements of the outermost array or object
	placeholders []placeholder
}

// survey looks over JSON, valid or not, until it is too deep, and for no more
// placeholders than there may be.
func survey(b []byte) surveyed {
	var s surveyed
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
			if s.depth = max(s.depth, depth); s.depth > maxDepth {
				return s
			}
			if len(s.placeholders) > maxAttachments {
				continue
			}
			if end, num, ok := readPlaceholder(b[i:]); ok {
				s.placeholders = append(s.placeholders, placeholder{i, i + end, num})
			}
		case ']', '}':
			depth--
		case ',':
			if depth == 1 {
				s.commas++
			}
		}
	}
	return s
}

var placeholderKey = []byte(`"_placeholder"`)

// readPlaceholder tells whether b begins with a placeholder, which is short,
// and where that ends.
func readPlaceholder(b []byte) (end, num int, ok bool) {
	if b[0] != '{' {
		return 0, 0, false
	}
	head := b[:min(len(b), 64)]
	if end = bytes.IndexByte(head, '}') + 1; end == 0 || !bytes.Contains(head[:end], placeholderKey) {
		return 0, 0, false
	}
	var p struct {
		Is  bool `json:"_placeholder"`
		Num *int `json:"num"`
	}
	if json.Unmarshal(head[:end], &p) != nil || !p.Is || p.Num == nil {
		return 0, 0, false
	}
	return end, *p.Num, true
}

// eachOnce reports whether the placeholders are those of n attachments, one of
// each.
func eachOnce(list []placeholder, n int) bool {
	if len(list) != n {
		return false
	}
	var seen [maxAttachments]bool
	for _, p := range list {
		if p.num < 0 || p.num >= n || seen[p.num] {
			return false
		}
		seen[p.num] = true
	}
	return true
}

// Packet is an event encoded once, to be sent to any number of sockets of its
// namespace. It is never changed.
type Packet struct {
	namespace string
	parts     []*engineio.Packet
}

// Size is how many bytes the packet has in a socket's queue.
func (p *Packet) Size() int {
	n := 0
	for _, part := range p.parts {
		n += part.Size()
	}
	return n
}

// Encode makes a packet of an event. Arguments are encoded by encoding/json,
// except that []byte as an argument, or in a []any or map[string]any at any
// depth, is sent as bytes: the client gets an ArrayBuffer or Buffer.
func Encode(namespace, event string, args ...any) (*Packet, error) {
	return encodeEvent(namespace, -1, event, args)
}

func encodeEvent(namespace string, id int64, event string, args []any) (*Packet, error) {
	if reserved(event) {
		return nil, fmt.Errorf("socketio: %q is a name that clients keep for themselves", event)
	}
	return encodeArgs(namespace, kindEvent, id, slices.Concat([]any{event}, args))
}

// encodeArgs makes an EVENT or ACK, or the binary form of it.
func encodeArgs(namespace string, kind byte, id int64, args []any) (*Packet, error) {
	var attachments [][]byte
	for i := range args {
		if i == 0 {
			args = slices.Clone(args)
		}
		args[i] = detach(args[i], &attachments)
	}
	if args == nil {
		args = []any{}
	}
	data, err := encodeJSON(args)
	if err != nil {
		return nil, fmt.Errorf("socketio: encoding arguments: %w", err)
	}
	if len(attachments) > 0 {
		kind += kindBinaryEvent - kindEvent
	}
	p := &Packet{namespace: namespace,
		parts: []*engineio.Packet{engineio.Text(appendHead(nil, kind, len(attachments), namespace,
			id), data)}}
	for _, b := range attachments {
		p.parts = append(p.parts, engineio.Binary(b))
	}
	return p, nil
}

// encodeJSON is json.Marshal, but leaves <, > and & as they are, as clients do.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// detach moves bytes out of a value, and puts placeholders where they were. The
// value itself is not changed.
func detach(v any, to *[][]byte) any {
	switch v := v.(type) {
	case []byte:
		*to = append(*to, v)
		return json.RawMessage(fmt.Sprintf(`{"_placeholder":true,"num":%d}`, len(*to)-1))
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = detach(x, to)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = detach(x, to)
		}
		return out
	}
	return v
}

// appendHead writes what stands before the JSON.
func appendHead(b []byte, kind byte, attachments int, namespace string, id int64) []byte {
	b = append(b, kind)
	if kind == kindBinaryEvent || kind == kindBinaryAck {
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	if id >= 0 {
		b = strconv.AppendInt(b, id, 10)
	}
	return b
}

// control makes one of the packets that are no event.
func control(kind byte, namespace string, data any) (*engineio.Packet, error) {
	head := appendHead(nil, kind, 0, namespace, -1)
	if data == nil {
		return engineio.Text(head), nil
	}
	b, err := encodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("socketio: encoding data: %w", err)
	}
	return engineio.Text(head, b), nil
}
