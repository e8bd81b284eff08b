package engineio

import (
	"encoding/binary"
	"fmt"

	gobwas "github.com/gobwas/ws"
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

// Close codes of RFC 6455.
const (
	closeNormal   = 1000
	closeGoing    = 1001
	closeProtocol = 1002
	closeInvalid  = 1007
	closePolicy   = 1008
	closeTooBig   = 1009
)

// inFrame is one frame from a client, its payload unmasked in place.
type inFrame struct {
	op      opcode
	fin     bool
	payload []byte
}

// protocolError says with which code a WebSocket ends for what came over it.
type protocolError struct {
	code int
	text string
}

func (e *protocolError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

func violation(text string) *protocolError { return &protocolError{closeProtocol, text} }

// parse takes one frame of at most limit bytes off the front of b. With used 0
// and no error there is not yet a whole one. What RFC 6455 forbids is an error.
func parse(b []byte, limit int) (f inFrame, used int, err *protocolError) {
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
	if length > uint64(limit) {
		return f, 0, tooBig(limit)
	}
	end := at + 4 + int(length)
	if len(b) < end {
		return f, 0, nil
	}
	f.payload = b[at+4 : end]
	gobwas.Cipher(f.payload, [4]byte(b[at:at+4]), 0)
	return f, end, nil
}

func tooBig(limit int) *protocolError {
	return &protocolError{closeTooBig, fmt.Sprintf("a message has at most %d bytes", limit)}
}

// sealClose makes a close frame.
func sealClose(code int, text string) []byte {
	text = text[:min(len(text), 123)]
	b := appendHeader(nil, opClose, 2+len(text))
	return append(binary.BigEndian.AppendUint16(b, uint16(code)), text...)
}
