package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/websocket"
)

// Types of packets, as they stand on the wire.
const (
	kindOpen    byte = '0'
	kindClose   byte = '1'
	kindPing    byte = '2'
	kindPong    byte = '3'
	kindMessage byte = '4'
	kindUpgrade byte = '5'
	kindNoop    byte = '6'
)

// separator stands between the packets of a payload.
const separator = 0x1e

var (
	errFormat = errors.New("engineio: a packet is malformed")
	errText   = errors.New("engineio: text is UTF-8")
)

// Packet is one packet, encoded once for however many sessions it is sent to.
// It is never changed.
type Packet struct {
	wire   []byte // a WebSocket frame
	at     int    // where in it the payload begins
	binary bool
}

// Text makes a message of text, which has to be UTF-8, of the concatenated
// parts. They are copied.
func Text(parts ...[]byte) *Packet { return newPacket(kindMessage, parts...) }

// Binary makes a message of bytes. They are copied.
func Binary(b []byte) *Packet {
	return newPacket(0, b)
}

// Size is how many bytes the packet has in a session's queue.
func (p *Packet) Size() int { return len(p.wire) }

// newPacket puts a frame's header and the type before the parts. Type 0 makes
// a binary message, which has none.
func newPacket(kind byte, parts ...[]byte) *Packet {
	n := min(1, int(kind))
	for _, part := range parts {
		n += len(part)
	}
	b := make([]byte, 0, websocket.HeaderSize(n)+n)
	b = websocket.AppendHeader(b, kind == 0, n)
	at := len(b)
	if kind != 0 {
		b = append(b, kind)
	}
	for _, part := range parts {
		b = append(b, part...)
	}
	return &Packet{wire: b, at: at, binary: kind == 0}
}

// appendTo writes the packet as a part of a polling payload.
func (p *Packet) appendTo(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, separator)
	}
	if p.binary {
		return base64.StdEncoding.AppendEncode(append(b, 'b'), p.wire[p.at:])
	}
	return append(b, p.wire[p.at:]...)
}

// The packets without content.
var (
	pingPacket  = newPacket(kindPing)
	probePacket = newPacket(kindPong, []byte("probe"))
)

// incoming is a packet from a client. Its data lies in the buffer that it was
// decoded from.
type incoming struct {
	kind   byte
	binary bool
	data   []byte
}

// decode reads one packet in text. Of base64, the decoded bytes take the place
// of the encoded ones.
func decode(b []byte, polling bool) (incoming, error) {
	switch {
	case len(b) == 0:
		return incoming{}, errFormat
	case b[0] >= kindOpen && b[0] <= kindNoop:
		return incoming{kind: b[0], data: b[1:]}, nil
	case b[0] == 'b' && polling:
		n, err := base64.StdEncoding.Decode(b[1:], b[1:])
		if err != nil {
			return incoming{}, errFormat
		}
		return incoming{kind: kindMessage, binary: true, data: b[1 : 1+n]}, nil
	}
	return incoming{}, errFormat
}

// decodePayload has take called for one packet of a payload after the other,
// until it fails.
func decodePayload(b []byte, take func(incoming) error) error {
	if !utf8.Valid(b) {
		return errText
	}
	for more := true; more; {
		var one []byte
		one, b, more = bytes.Cut(b, []byte{separator})
		p, err := decode(one, true)
		if err != nil {
			return err
		}
		if err := take(p); err != nil {
			return err
		}
	}
	return nil
}
