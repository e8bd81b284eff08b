package ws

import (
	"encoding/binary"
	"fmt"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/wire"
)

// opcode is a frame's kind, as RFC 6455 numbers them.
type opcode byte

const (
	opContinuation opcode = 0
	opText         opcode = 1
	opBinary       opcode = 2
	opClose        opcode = 8
	opPing         opcode = 9
	opPong         opcode = 10
)

// Close codes, RFC 6455 and our own; docs/protocol.md lists them.
const (
	closeNormal      = 1000
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeInvalid     = 1007
	closePolicy      = 1008
	closeTooBig      = 1009
	closeRestart     = 1012
	closeRevoked     = 4001
	closeNoAuth      = 4002
	closeTooMany     = 4003
	closeSlow        = 4008
)

// maxMessage bounds a message from a client, in bytes.
const maxMessage = 64 << 10

// inFrame is one frame from a client, its payload unmasked in place.
type inFrame struct {
	op      opcode
	fin     bool
	payload []byte
}

// protocolError says with which code a connection ends for what it sent.
type protocolError struct {
	code int
	text string
}

func (e *protocolError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

func violation(text string) *protocolError { return &protocolError{closeProtocol, text} }

// parse takes one frame off the front of b. With used 0 and no error there is
// not yet a whole one. It is strict: what RFC 6455 forbids ends the connection.
func parse(b []byte) (f inFrame, used int, err *protocolError) {
	if len(b) < 2 {
		return f, 0, nil
	}
	f.fin, f.op = b[0]&0x80 != 0, opcode(b[0]&0x0f)
	length, at := uint64(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0:
		return f, 0, violation("reserved bits are set")
	case b[1]&0x80 == 0:
		return f, 0, violation("a client's frames are masked")
	case f.op > opBinary && f.op < opClose || f.op > opPong:
		return f, 0, violation("unknown opcode")
	case f.op >= opClose && (!f.fin || length > 125):
		return f, 0, violation("control frames are short and in one piece")
	}
	switch length {
	case 126:
		if len(b) < 4 {
			return f, 0, nil
		}
		length, at = uint64(binary.BigEndian.Uint16(b[2:])), 4
		if length < 126 {
			return f, 0, violation("a length is not in its shortest form")
		}
	case 127:
		if len(b) < 10 {
			return f, 0, nil
		}
		length, at = binary.BigEndian.Uint64(b[2:]), 10
		if length>>63 != 0 || length <= 0xffff {
			return f, 0, violation("a length is not in its shortest form")
		}
	}
	if length > maxMessage {
		return f, 0, &protocolError{closeTooBig, fmt.Sprintf("a message has at most %d bytes", maxMessage)}
	}
	end := at + 4 + int(length)
	if len(b) < end {
		return f, 0, nil
	}
	f.payload = b[at+4 : end]
	gobwas.Cipher(f.payload, [4]byte(b[at:at+4]), 0)
	return f, end, nil
}

// seal puts a frame's header before its payload.
func seal(op opcode, payload []byte) hub.Bytes {
	b := make(hub.Bytes, 0, len(payload)+10)
	b = append(b, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = append(b, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, payload...)
}

func sealClose(code int, text string) []byte {
	return seal(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)),
		text[:min(len(text), 123)]...))
}

// pingFrame is what the server asks an idle client with.
var pingFrame = seal(opPing, nil)

// encoder writes what the hub says as text frames.
type encoder struct{}

func (encoder) Event(e *chat.Event) hub.Frame { return seal(opText, wire.Event(e)) }
func (encoder) Signals(list []chat.Signal) hub.Frame {
	var all hub.Bytes
	for _, s := range list {
		all = append(all, seal(opText, wire.Signal(s))...)
	}
	return all
}
func (encoder) Resumed(s chat.Stream, p chat.Position) hub.Frame {
	return seal(opText, wire.Resumed(s, p))
}
func (encoder) Resync(s chat.Stream, p chat.Position) hub.Frame {
	return seal(opText, wire.Resync(s, p))
}
func (encoder) Goodbye(reason string, retry time.Duration) hub.Frame {
	return seal(opText, wire.Goodbye(reason, retry))
}
