package websocket

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// opcode is the kind of a frame, as RFC 6455 numbers them.
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
	CloseNormal      = 1000
	CloseGoingAway   = 1001
	CloseProtocol    = 1002
	CloseUnsupported = 1003
	CloseInvalid     = 1007
	ClosePolicy      = 1008
	CloseTooBig      = 1009
	CloseRestart     = 1012
)

// CloseError says how a connection is closed, or was closed by the client.
type CloseError struct {
	Code     int
	Text     string
	ByClient bool
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("websocket: closed with %d %s", e.Code, e.Text)
}

func violation(text string) *CloseError { return &CloseError{Code: CloseProtocol, Text: text} }

func tooBig(limit int) *CloseError {
	return &CloseError{Code: CloseTooBig,
		Text: fmt.Sprintf("a message has at most %d bytes", limit)}
}

// frame is one frame from a client, its payload unmasked in place.
type frame struct {
	op      opcode
	fin     bool
	payload []byte
}

// parse takes one frame off the front of b and returns how many bytes it had;
// 0 if it is not complete yet. It is strict: an error is a violation of RFC
// 6455, or a payload over the limit.
func parse(b []byte, limit int) (f frame, used int, err *CloseError) {
	if len(b) < 2 {
		return f, 0, nil
	}
	f.fin, f.op = b[0]&0x80 != 0, opcode(b[0]&0x0f)
	length, at := uint64(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0:
		return f, 0, violation("reserved bits are set")
	case b[1]&0x80 == 0:
		return f, 0, violation("frames from a client must be masked")
	case f.op > opBinary && f.op < opClose || f.op > opPong:
		return f, 0, violation("unknown opcode")
	case f.op >= opClose && (!f.fin || length > 125):
		return f, 0, violation("control frames must be short and not fragmented")
	}
	switch length {
	case 126:
		if len(b) < 4 {
			return f, 0, nil
		}
		length, at = uint64(binary.BigEndian.Uint16(b[2:])), 4
		if length < 126 {
			return f, 0, violation("the length is not in its shortest form")
		}
	case 127:
		if len(b) < 10 {
			return f, 0, nil
		}
		length, at = binary.BigEndian.Uint64(b[2:]), 10
		if length>>63 != 0 || length <= 0xffff {
			return f, 0, violation("the length is not in its shortest form")
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
	ws.Cipher(f.payload, [4]byte(b[at:at+4]), 0)
	return f, end, nil
}

// parseClose judges the payload of a client's close frame. The result is what
// to answer with.
func parseClose(payload []byte) *CloseError {
	switch {
	case len(payload) == 0:
		return &CloseError{Code: CloseNormal, ByClient: true}
	case len(payload) == 1:
		return violation("a close frame has a whole code or none")
	case !utf8.Valid(payload[2:]):
		return &CloseError{Code: CloseInvalid, Text: "a close reason must be UTF-8"}
	}
	switch code := int(binary.BigEndian.Uint16(payload)); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return &CloseError{Code: code, ByClient: true}
	}
	return violation("this close code must not be sent")
}

// HeaderSize is the size of a frame's header, for a payload of n bytes.
func HeaderSize(n int) int {
	switch {
	case n < 126:
		return 2
	case n <= 0xffff:
		return 4
	}
	return 10
}

// AppendHeader appends the header of a message of n bytes, text or binary, in
// one frame. The payload must follow.
func AppendHeader(b []byte, binary bool, n int) []byte {
	if binary {
		return appendHeader(b, opBinary, n)
	}
	return appendHeader(b, opText, n)
}

func appendHeader(b []byte, op opcode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch HeaderSize(n) {
	case 2:
		return append(b, byte(n))
	case 4:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

func appendClose(b []byte, e *CloseError) []byte {
	text := e.Text[:min(len(e.Text), 123)]
	b = appendHeader(b, opClose, 2+len(text))
	return append(binary.BigEndian.AppendUint16(b, uint16(e.Code)), text...)
}

var pingFrame = appendHeader(nil, opPing, 0)
