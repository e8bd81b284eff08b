package ws_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func closing(code int, reason string) []byte {
	return frame(fin|8, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

const pingText = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// TestRFC6455 is a table of what clients may send, and the code with which the
// server closes; 0 for none.
func TestRFC6455(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	unmasked := func(first byte, payload string) []byte {
		return append([]byte{first,
			byte(len(payload))}, payload...)
	}
	long := func(n int) []byte {
		return []byte(`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x",
			n-len(`{"jsonrpc":"2.0","id":1,"method":""}`)) + `"}`)
	}
	// one makes a text of one byte a fragment, with something after each.
	one := func(payload []byte, between ...[]byte) (all [][]byte) {
		for i, b := range payload {
			first := byte(0)
			if i == 0 {
				first = 1
			}
			if i == len(payload)-1 {
				return append(all, frame(fin|first, []byte{b}))
			}
			all = append(append(all, frame(first, []byte{b})), between...)
		}
		return all
	}
	type row struct {
		name string
		sent [][]byte
		code int
	}
	rows := []row{
		{"a text", [][]byte{text(pingText)}, 0},
		{"a text in two", [][]byte{frame(1, []byte(pingText[:9])), frame(fin, []byte(pingText[9:]))}, 0},
		{"with empty fragments", [][]byte{frame(1, nil), frame(0, []byte(pingText)), frame(0, nil),
			frame(fin, nil)}, 0},
		{"a ping inside a message", [][]byte{frame(1, []byte(pingText[:9])),
			frame(fin|9, []byte("p")), frame(fin, []byte(pingText[9:]))}, 0},
		{"a pong that nobody asked for", [][]byte{frame(fin|10, []byte("p"))}, 0},
		{"a ping of 125 bytes", [][]byte{frame(fin|9, make([]byte, 125))}, 0},
		{"a message of 65,536 bytes", [][]byte{frame(fin|1, long(65536))}, 0},
		{"a message of 65,536 bytes in parts",
			[][]byte{frame(1, long(65536)[:40000]), frame(fin, long(65536)[40000:])}, 0},
		{"no JSON", [][]byte{text("hello")}, 0},
		{"an empty text", [][]byte{text("")}, 0},
		{"a message of 126 bytes", [][]byte{frame(fin|1, long(126))}, 0},
		{"a message of 65,535 bytes", [][]byte{frame(fin|1, long(65535))}, 0},
		{"one byte a fragment, a ping after each", one(long(150), frame(fin|9, []byte("p"))), 0},
		{"pings, pongs and an empty fragment between",
			one([]byte(pingText), frame(fin|10, nil), frame(fin|9, make([]byte, 125)), frame(0, nil)), 0},
		{"a mask of zeros", [][]byte{append([]byte{fin | 1, 0x80 | byte(len(pingText)), 0, 0, 0, 0},
			pingText...)}, 0},
		{"two texts in fragments, one after the other",
			append(one([]byte(pingText)), one([]byte(pingText))...), 0},

		{"unmasked", [][]byte{unmasked(fin|1, pingText)}, 1002},
		{"an unmasked ping", [][]byte{unmasked(fin|9, "")}, 1002},
		{"RSV1", [][]byte{frame(fin|0x40|1, []byte(pingText))}, 1002},
		{"RSV2", [][]byte{frame(fin|0x20|1, []byte(pingText))}, 1002},
		{"RSV3 on a ping", [][]byte{frame(fin|0x10|9, nil)}, 1002},
		{"a ping of 126 bytes", [][]byte{frame(fin|9, make([]byte, 126))}, 1002},
		{"a ping of 70,000 bytes", [][]byte{frame(fin|9, make([]byte, 70000))}, 1002},
		{"a ping in fragments", [][]byte{frame(9, []byte("a")), frame(fin, []byte("b"))}, 1002},
		{"a close in fragments", [][]byte{frame(8, nil)}, 1002},
		{"a continuation of nothing", [][]byte{frame(fin, []byte(pingText))}, 1002},
		{"a continuation after the end", [][]byte{text(pingText), frame(fin, []byte("x"))}, 1002},
		{"a text inside a text", [][]byte{frame(1, []byte("a")), text(pingText)}, 1002},
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
		{"a pong of 126 bytes", [][]byte{frame(fin|10, make([]byte, 126))}, 1002},
		{"a close of 126 bytes", [][]byte{closing(1000, strings.Repeat("x", 124))}, 1002},
		{"a pong in fragments", [][]byte{frame(10, []byte("a")), frame(fin, []byte("b"))}, 1002},
		{"a ping in fragments inside a message",
			[][]byte{frame(1, []byte("a")), frame(9, []byte("p"))}, 1002},
		{"RSV1 on a continuation", [][]byte{frame(1, []byte("a")), frame(fin|0x40, []byte("b"))}, 1002},
		{"RSV2 on a close", [][]byte{frame(fin|0x20|8, nil)}, 1002},
		{"all bits reserved", [][]byte{frame(fin|0x70|1, []byte(pingText))}, 1002},
		{"compressed, as nobody agreed",
			[][]byte{frame(fin|0x40|1, []byte{0xaa, 0x56, 0x2a, 0xcb, 0x4f, 0x02, 0x00})}, 1002},
		{"an unmasked continuation", [][]byte{frame(1, []byte("a")), unmasked(fin, "b")}, 1002},
		{"an unmasked close", [][]byte{unmasked(fin|8, "\x03\xe8")}, 1002},
		{"a binary inside a text", [][]byte{frame(1, []byte("a")), frame(fin|2, []byte("b"))}, 1003},
		{"a length with the highest bit", [][]byte{{fin | 1, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 5}}, 1002},
		{"binary", [][]byte{frame(fin|2, []byte(pingText))}, 1003},
		{"binary in fragments", [][]byte{frame(2, []byte("a"))}, 1003},

		{"65,537 bytes", [][]byte{frame(fin|1, long(65537))}, 1009},
		{"2^62 bytes announced", [][]byte{{fin | 1, 0x80 | 127, 0x40, 0, 0, 0, 0, 0, 0, 0}}, 1009},
		{"2^63-1 bytes announced", [][]byte{{fin | 1, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff}}, 1009},
		{"2^32+5 bytes announced", [][]byte{append([]byte{fin | 1, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0,
			5, 0, 0, 0, 0}, "hello"...)}, 1009},
		{"65,537 bytes in parts", [][]byte{frame(1, long(65536)), frame(fin, []byte("x"))}, 1009},
		{"endless fragments", [][]byte{frame(1, make([]byte, 1000)),
			bytes.Repeat(frame(0, make([]byte, 1000)), 100)}, 1009},

		{"UTF-8 that is wrong", [][]byte{text("\xff")}, 1007},
		{"UTF-8 that is longer than it has to be", [][]byte{text("\"\xc0\xaf\"")}, 1007},
		{"a surrogate", [][]byte{text("\"\xed\xa0\x80\"")}, 1007},
		{"past the last character", [][]byte{text("\"\xf4\x90\x80\x80\"")}, 1007},

		{"UTF-8 that is wrong, across a ping",
			[][]byte{frame(1, []byte("\"\xe2\x82")), frame(fin|9, nil), frame(fin, []byte("\""))}, 1007},
		{"UTF-8 that ends early", [][]byte{frame(1, []byte("\"\xf0\x9f\x8e")), frame(fin, nil)}, 1007},
		{"a lone continuation byte in a fragment of its own",
			[][]byte{frame(1, []byte("\"")), frame(0, []byte("\x80")), frame(fin, []byte("\""))}, 1007},
		{"two surrogates", [][]byte{text("\"\xed\xa0\xbc\xed\xbe\x89\"")}, 1007},
		{"a byte that UTF-8 never has", [][]byte{text("\"\xfe\"")}, 1007},

		{"close", [][]byte{frame(fin|8, nil)}, 1000},
		{"close in the middle of a character", [][]byte{closing(1000, "\xe2\x82")}, 1007},
		{"close with a surrogate", [][]byte{closing(1000, "\xed\xa0\x80")}, 1007},
		{"close with a bad code and bad UTF-8", [][]byte{closing(1005, "\xff")}, 1007},
		{"close with characters of every length", [][]byte{closing(1000, "aä€🎉")}, 1000},
		{"two closes", [][]byte{closing(1001, ""), closing(1002, "")}, 1001},
		{"close with half a code", [][]byte{frame(fin|8, []byte{3})}, 1002},
		{"close with bad UTF-8", [][]byte{closing(1000, "\xff")}, 1007},
		{"close with a long reason", [][]byte{closing(1000, strings.Repeat("x", 123))}, 1000},
		{"close inside a message", [][]byte{frame(1, []byte("a")), closing(1001, "bye")}, 1001},
		{"nothing counts after a close", [][]byte{closing(1000, ""), unmasked(fin|1, "x")}, 1000},
	}
	for op := range byte(16) {
		if op > 2 && op < 8 || op > 10 {
			rows = append(rows, row{fmt.Sprintf("opcode %d", op), [][]byte{frame(fin|op, nil)}, 1002})
		}
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
		1014, 3000, 3999, 4000, 4999} {
		rows = append(rows, row{fmt.Sprintf("close with %d", code), [][]byte{closing(code, "why")}, code})
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535} {
		rows = append(rows, row{fmt.Sprintf("close with %d", code), [][]byte{closing(code, "why")}, 1002})
	}
	for _, r := range rows {
		for how, parts := range map[string][][]byte{"": r.sent, " at once": {bytes.Join(r.sent, nil)}} {
			c := f.dial(token)
			for _, b := range parts {
				c.write(b)
			}
			if r.code != 0 {
				c.closes(r.name+how, r.code)
			} else {
				c.lives(r.name + how)
			}
			c.conn.Close()
		}
	}
}

// TestByteByByte: how the bytes come makes no difference.
func TestByteByByte(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	for _, b := range bytes.Join([][]byte{text(pingText), frame(1, []byte(pingText[:9])),
		frame(fin|9, []byte("x")), frame(fin, []byte(pingText[9:]))}, nil) {
		c.write([]byte{b})
	}
	for i := range 2 {
		if r := c.must(); r.Error != nil || string(r.ID) != "1" {
			t.Errorf("answer %d: %+v", i, r)
		}
	}
	c.lives("after single bytes")
}

// TestPong: a ping comes back with what it held.
func TestPong(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	want := bytes.Repeat([]byte{0, 0xff, 'p'}, 41)
	c.write(frame(fin|9, want))
	if op, payload, err := c.read(); op != 10 || !bytes.Equal(payload, want) || err != nil {
		t.Errorf("opcode %d, % x, %v", op, payload, err)
	}
}

// TestReasonCutEverywhere: a close's reason that ends inside a character is
// none.
func TestReasonCutEverywhere(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	const reason = "aä€🎉"
	for cut := range len(reason) + 1 {
		want := 1007
		if utf8.ValidString(reason[:cut]) {
			want = 1000
		}
		c := f.dial(token)
		c.write(closing(1000, reason[:cut]))
		c.closes(fmt.Sprintf("a reason of %d bytes", cut), want)
		c.conn.Close()
	}
}

// TestTextInThree cuts a text twice, at every two bytes, with a ping in
// between: it is one text.
func TestTextInThree(t *testing.T) {
	f := newFixture(t, nil)
	c := f.dial(f.person("Pablo"))
	good := []byte(`{"jsonrpc":"2.0","id":"ä€🎉","method":"ping"}`)
	from := bytes.IndexByte(good, 0xc3) - 1
	to := from + len(`"ä€🎉"`) + 1
	for first := from; first < to; first++ {
		for second := first; second < to; second++ {
			c.write(frame(1, good[:first]), frame(fin|9, []byte("p")), frame(0, good[first:second]),
				frame(fin, good[second:]))
			if r := c.must(); string(r.ID) != `"ä€🎉"` || r.Error != nil {
				t.Fatalf("cut at %d and %d: %+v", first, second, r)
			}
		}
	}
}

// TestTextCutEverywhere sends text with characters of every length, in two
// frames cut at each byte: it is one text. With a byte missing it is none,
// wherever the cut.
func TestTextCutEverywhere(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	c := f.dial(token)
	good := []byte(`{"jsonrpc":"2.0","id":"aä€🎉","method":"ping"}`)
	for cut := range good {
		c.write(frame(1, good[:cut]), frame(fin, good[cut:]))
		if r := c.must(); string(r.ID) != `"aä€🎉"` || r.Error != nil {
			t.Fatalf("cut at %d: %+v", cut, r)
		}
	}
	i := bytes.Index(good, []byte("🎉"))
	bad := append(bytes.Clone(good[:i+2]), good[i+3:]...)
	for cut := i - 2; cut < i+6; cut++ {
		c := f.dial(token)
		c.write(frame(1, bad[:cut]), frame(fin, bad[cut:]))
		c.closes(fmt.Sprintf("a byte missing, cut at %d", cut), 1007)
		c.conn.Close()
	}
}
