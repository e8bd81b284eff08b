package websocket_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/websocket"
	"github.com/parley-chat/parley/internal/websocket/wstest"
)

const hello = "hello, world"

// TestRFC6455 is a table of what clients may send, and the code with which the
// server closes; 0 for none.
func TestRFC6455(t *testing.T) {
	const fin, limit = wstest.Fin, 65536
	f := newFixture(t, websocket.Config{MaxMessage: limit}, nil)
	textOnly := newFixture(t, websocket.Config{MaxMessage: limit, TextOnly: true}, nil)
	unmasked := func(first byte, payload string) []byte {
		return append([]byte{first, byte(len(payload))}, payload...)
	}
	long := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	// one makes a text of one byte a fragment, with something after each.
	one := func(payload []byte, between ...[]byte) (all [][]byte) {
		for i, b := range payload {
			first := byte(0)
			if i == 0 {
				first = 1
			}
			if i == len(payload)-1 {
				return append(all, wstest.Frame(fin|first, []byte{b}))
			}
			all = append(append(all, wstest.Frame(first, []byte{b})), between...)
		}
		return all
	}
	type row struct {
		name string
		sent [][]byte
		code int
	}
	rows := []row{
		{"a text", [][]byte{wstest.Text(hello)}, 0},
		{"a text in two", [][]byte{wstest.Frame(1, []byte(hello[:9])), wstest.Frame(fin, []byte(hello[9:]))}, 0},
		{"with empty fragments", [][]byte{wstest.Frame(1, nil), wstest.Frame(0, []byte(hello)), wstest.Frame(0, nil),
			wstest.Frame(fin, nil)}, 0},
		{"a ping inside a message", [][]byte{wstest.Frame(1, []byte(hello[:9])),
			wstest.Frame(fin|9, []byte("p")), wstest.Frame(fin, []byte(hello[9:]))}, 0},
		{"a pong that nobody asked for", [][]byte{wstest.Frame(fin|10, []byte("p"))}, 0},
		{"a ping of 125 bytes", [][]byte{wstest.Frame(fin|9, make([]byte, 125))}, 0},
		{"a message of 65,536 bytes", [][]byte{wstest.Frame(fin|1, long(65536))}, 0},
		{"a message of 65,536 bytes in parts",
			[][]byte{wstest.Frame(1, long(65536)[:40000]), wstest.Frame(fin, long(65536)[40000:])}, 0},
		{"binary, where that is taken", [][]byte{wstest.Frame(fin|2, []byte{0, 0xff})}, 0},
		{"an empty text", [][]byte{wstest.Text("")}, 0},
		{"a message of 126 bytes", [][]byte{wstest.Frame(fin|1, long(126))}, 0},
		{"a message of 65,535 bytes", [][]byte{wstest.Frame(fin|1, long(65535))}, 0},
		{"one byte a fragment, a ping after each", one(long(150), wstest.Frame(fin|9, []byte("p"))), 0},
		{"pings, pongs and an empty fragment between",
			one([]byte(hello), wstest.Frame(fin|10, nil), wstest.Frame(fin|9, make([]byte, 125)),
				wstest.Frame(0, nil)), 0},
		{"a mask of zeros", [][]byte{append([]byte{fin | 1, 0x80 | byte(len(hello)), 0, 0, 0, 0},
			hello...)}, 0},
		{"two texts in fragments, one after the other",
			append(one([]byte(hello)), one([]byte(hello))...), 0},

		{"unmasked", [][]byte{unmasked(fin|1, hello)}, 1002},
		{"an unmasked ping", [][]byte{unmasked(fin|9, "")}, 1002},
		{"RSV1", [][]byte{wstest.Frame(fin|0x40|1, []byte(hello))}, 1002},
		{"RSV2", [][]byte{wstest.Frame(fin|0x20|1, []byte(hello))}, 1002},
		{"RSV3 on a ping", [][]byte{wstest.Frame(fin|0x10|9, nil)}, 1002},
		{"a ping of 126 bytes", [][]byte{wstest.Frame(fin|9, make([]byte, 126))}, 1002},
		{"a ping of 70,000 bytes", [][]byte{wstest.Frame(fin|9, make([]byte, 70000))}, 1002},
		{"a ping in fragments", [][]byte{wstest.Frame(9, []byte("a")), wstest.Frame(fin, []byte("b"))}, 1002},
		{"a close in fragments", [][]byte{wstest.Frame(8, nil)}, 1002},
		{"a continuation of nothing", [][]byte{wstest.Frame(fin, []byte(hello))}, 1002},
		{"a continuation after the end", [][]byte{wstest.Text(hello), wstest.Frame(fin, []byte("x"))}, 1002},
		{"a text inside a text", [][]byte{wstest.Frame(1, []byte("a")), wstest.Text(hello)}, 1002},
		{"a length of 5 in 16 bits", [][]byte{append([]byte{fin | 1, 0x80 | 126, 0, 5, 0, 0, 0, 0},
			"hello"...)}, 1002},
		{"a length of 5 in 64 bits", [][]byte{append([]byte{fin | 1, 0x80 | 127, 0, 0, 0, 0, 0, 0,
			0, 5, 0, 0, 0, 0}, "hello"...)}, 1002},
		{"a length of 125 in 16 bits",
			[][]byte{append([]byte{fin | 1, 0x80 | 126, 0, 125, 0, 0, 0, 0}, long(125)...)}, 1002},
		{"a length of 126 in 64 bits",
			[][]byte{append([]byte{fin | 1, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 126, 0, 0, 0, 0},
				long(126)...)}, 1002},
		{"a length of 65,535 in 64 bits",
			[][]byte{append([]byte{fin | 1, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0},
				long(65535)...)}, 1002},
		{"a ping whose 5 bytes are told in 16 bits",
			[][]byte{append([]byte{fin | 9, 0x80 | 126, 0, 5, 0, 0, 0, 0}, "hello"...)}, 1002},
		{"a close whose 2 bytes are told in 64 bits",
			[][]byte{append([]byte{fin | 8, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, 3, 0xe8)}, 1002},
		{"a pong of 126 bytes", [][]byte{wstest.Frame(fin|10, make([]byte, 126))}, 1002},
		{"a close of 126 bytes", [][]byte{wstest.Close(1000, strings.Repeat("x", 124))}, 1002},
		{"a pong in fragments", [][]byte{wstest.Frame(10, []byte("a")), wstest.Frame(fin, []byte("b"))}, 1002},
		{"a ping in fragments inside a message",
			[][]byte{wstest.Frame(1, []byte("a")), wstest.Frame(9, []byte("p"))}, 1002},
		{"RSV1 on a continuation", [][]byte{wstest.Frame(1, []byte("a")), wstest.Frame(fin|0x40, []byte("b"))}, 1002},
		{"RSV2 on a close", [][]byte{wstest.Frame(fin|0x20|8, nil)}, 1002},
		{"all bits reserved", [][]byte{wstest.Frame(fin|0x70|1, []byte(hello))}, 1002},
		{"compressed, as nobody agreed",
			[][]byte{wstest.Frame(fin|0x40|1, []byte{0xaa, 0x56, 0x2a, 0xcb, 0x4f, 0x02, 0x00})}, 1002},
		{"an unmasked continuation", [][]byte{wstest.Frame(1, []byte("a")), unmasked(fin, "b")}, 1002},
		{"an unmasked close", [][]byte{unmasked(fin|8, "\x03\xe8")}, 1002},
		{"a binary inside a text", [][]byte{wstest.Frame(1, []byte("a")), wstest.Frame(fin|2, []byte("b"))}, 1003},
		{"a length with the highest bit", [][]byte{{fin | 1, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 5}}, 1002},
		{"binary", [][]byte{wstest.Frame(fin|2, []byte(hello))}, 1003},
		{"binary in fragments", [][]byte{wstest.Frame(2, []byte("a"))}, 1003},

		{"65,537 bytes", [][]byte{wstest.Frame(fin|1, long(65537))}, 1009},
		{"2^62 bytes announced", [][]byte{{fin | 1, 0x80 | 127, 0x40, 0, 0, 0, 0, 0, 0, 0}}, 1009},
		{"2^63-1 bytes announced", [][]byte{{fin | 1, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff}}, 1009},
		{"2^32+5 bytes announced", [][]byte{append([]byte{fin | 1, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0,
			5, 0, 0, 0, 0}, "hello"...)}, 1009},
		{"65,537 bytes in parts", [][]byte{wstest.Frame(1, long(65536)), wstest.Frame(fin, []byte("x"))}, 1009},
		{"endless fragments", [][]byte{wstest.Frame(1, make([]byte, 1000)),
			bytes.Repeat(wstest.Frame(0, make([]byte, 1000)), 100)}, 1009},

		{"UTF-8 that is wrong", [][]byte{wstest.Text("\xff")}, 1007},
		{"UTF-8 that is longer than it has to be", [][]byte{wstest.Text("\"\xc0\xaf\"")}, 1007},
		{"a surrogate", [][]byte{wstest.Text("\"\xed\xa0\x80\"")}, 1007},
		{"past the last character", [][]byte{wstest.Text("\"\xf4\x90\x80\x80\"")}, 1007},

		{"UTF-8 that is wrong, across a ping",
			[][]byte{wstest.Frame(1, []byte("\"\xe2\x82")), wstest.Frame(fin|9, nil), wstest.Frame(fin, []byte("\""))}, 1007},
		{"UTF-8 that ends early", [][]byte{wstest.Frame(1, []byte("\"\xf0\x9f\x8e")), wstest.Frame(fin, nil)}, 1007},
		{"a lone continuation byte in a fragment of its own",
			[][]byte{wstest.Frame(1, []byte("\"")), wstest.Frame(0, []byte("\x80")),
				wstest.Frame(fin, []byte("\""))}, 1007},
		{"two surrogates", [][]byte{wstest.Text("\"\xed\xa0\xbc\xed\xbe\x89\"")}, 1007},
		{"a byte that UTF-8 never has", [][]byte{wstest.Text("\"\xfe\"")}, 1007},

		{"close", [][]byte{wstest.Frame(fin|8, nil)}, 1000},
		{"close in the middle of a character", [][]byte{wstest.Close(1000, "\xe2\x82")}, 1007},
		{"close with a surrogate", [][]byte{wstest.Close(1000, "\xed\xa0\x80")}, 1007},
		{"close with a bad code and bad UTF-8", [][]byte{wstest.Close(1005, "\xff")}, 1007},
		{"close with characters of every length", [][]byte{wstest.Close(1000, "aä€🎉")}, 1000},
		{"two closes", [][]byte{wstest.Close(1001, ""), wstest.Close(1002, "")}, 1001},
		{"close with half a code", [][]byte{wstest.Frame(fin|8, []byte{3})}, 1002},
		{"close with bad UTF-8", [][]byte{wstest.Close(1000, "\xff")}, 1007},
		{"close with a long reason", [][]byte{wstest.Close(1000, strings.Repeat("x", 123))}, 1000},
		{"close inside a message", [][]byte{wstest.Frame(1, []byte("a")), wstest.Close(1001, "bye")}, 1001},
		{"nothing counts after a close", [][]byte{wstest.Close(1000, ""), unmasked(fin|1, "x")}, 1000},
	}
	for op := range byte(16) {
		if op > 2 && op < 8 || op > 10 {
			rows = append(rows, row{fmt.Sprintf("opcode %d", op), [][]byte{wstest.Frame(fin|op, nil)}, 1002})
		}
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
		1014, 3000, 3999, 4000, 4999} {
		rows = append(rows, row{fmt.Sprintf("close with %d", code),
			[][]byte{wstest.Close(code, "why")}, code})
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535} {
		rows = append(rows, row{fmt.Sprintf("close with %d", code),
			[][]byte{wstest.Close(code, "why")}, 1002})
	}
	for _, r := range rows {
		at := f
		if r.code == websocket.CloseUnsupported {
			at = textOnly
		}
		for how, parts := range map[string][][]byte{"": r.sent, " at once": {bytes.Join(r.sent, nil)}} {
			c := at.dial()
			for _, b := range parts {
				c.Put(b)
			}
			if r.code != 0 {
				c.Closes(r.name+how, r.code)
			} else {
				c.Put(wstest.Text("alive?"))
				lives(c, r.name+how)
			}
			c.Close()
		}
	}
}

// lives reads until the answer to a last question.
func lives(c *wstest.Conn, what string) {
	c.T.Helper()
	for {
		_, payload, err := c.Next()
		if err != nil {
			c.T.Fatalf("%s: %v", what, err)
		}
		if string(payload) == "alive?" {
			return
		}
	}
}

// TestByteByByte: how the bytes come makes no difference.
func TestByteByByte(t *testing.T) {
	each(t, websocket.Config{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		for _, b := range bytes.Join([][]byte{wstest.Text(hello), wstest.Frame(1, []byte(hello[:2])),
			wstest.Frame(wstest.Fin|9, []byte("x")), wstest.Frame(wstest.Fin, []byte(hello[2:]))}, nil) {
			c.Put([]byte{b})
		}
		expect(c, "a text", hello)
		expect(c, "a text in two", hello)
	})
}

// TestReasonCutEverywhere: the reason of a close must not end inside a
// character.
func TestReasonCutEverywhere(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	const reason = "aä€🎉"
	for cut := range len(reason) + 1 {
		want := websocket.CloseInvalid
		if utf8.ValidString(reason[:cut]) {
			want = websocket.CloseNormal
		}
		c := f.dial()
		c.Put(wstest.Close(1000, reason[:cut]))
		c.Closes(fmt.Sprintf("a reason of %d bytes", cut), want)
	}
}

// TestTextCutEverywhere sends text with characters of every length, cut twice,
// at every two bytes, with a ping in between: it is one text. With a byte
// missing it is none, wherever the cut.
func TestTextCutEverywhere(t *testing.T) {
	f := newFixture(t, websocket.Config{}, nil)
	c := f.dial()
	const good = "aä€🎉"
	for first := range len(good) + 1 {
		for second := first; second <= len(good); second++ {
			c.Put(wstest.Frame(1, []byte(good[:first])), wstest.Frame(wstest.Fin|9, []byte("p")),
				wstest.Frame(0, []byte(good[first:second])), wstest.Frame(wstest.Fin, []byte(good[second:])))
			expect(c, fmt.Sprintf("cut at %d and %d", first, second), good)
		}
	}
	bad := strings.Replace(good, "🎉", "🎉"[:2]+"🎉"[3:], 1)
	for cut := range len(bad) + 1 {
		c := f.dial()
		c.Put(wstest.Frame(1, []byte(bad[:cut])), wstest.Frame(wstest.Fin, []byte(bad[cut:])))
		c.Closes(fmt.Sprintf("a byte missing, cut at %d", cut), websocket.CloseInvalid)
	}
}
