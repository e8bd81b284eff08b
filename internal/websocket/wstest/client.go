// Package wstest is a WebSocket client that does what it is told, right or
// wrong, and checks strictly what the server sends.
package wstest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// Patience bounds waiting for what is certain to come.
const Patience = 20 * time.Second

// Eventually polls for a state that is certain to come.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Fin is the bit of a frame that ends a message, for Frame.
const Fin = 0x80

// Frame makes a client's frame, masked, with its first byte as given.
func Frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0xa1, 0x02, 0xff, 0x00}
	b = append(b, mask[:]...)
	at := len(b)
	b = append(b, payload...)
	ws.Cipher(b[at:], mask, 0)
	return b
}

// Text makes a text message in one frame.
func Text(s string) []byte { return Frame(Fin|1, []byte(s)) }

// Close makes a close frame.
func Close(code int, reason string) []byte {
	return Frame(Fin|8, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// Conn is the client's side of a WebSocket.
type Conn struct {
	net.Conn
	T  testing.TB
	In *bufio.Reader
}

// Upgrade asks for a WebSocket and returns the answer. Fields of header replace
// those of the request, Host too; nil removes one. The connection is closed
// with the test.
func Upgrade(t testing.TB, addr, path string, header http.Header) (*http.Response, *Conn) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return On(t, nc, path, header)
}

// On is Upgrade over a connection that is there already.
func On(t testing.TB, nc net.Conn, path string, header http.Header) (*http.Response, *Conn) {
	t.Helper()
	nc.SetDeadline(time.Now().Add(Patience))
	h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	host := nc.RemoteAddr().String()
	for k, v := range header {
		switch {
		case v == nil:
			h.Del(k)
		case strings.EqualFold(k, "Host"):
			host = v[0]
		default:
			h[http.CanonicalHeaderKey(k)] = v
		}
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	h.Write(&request)
	request.WriteString("\r\n")
	nc.Write(request.Bytes())
	c := &Conn{nc, t, bufio.NewReaderSize(nc, 512)}
	res, err := http.ReadResponse(c.In, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, c
}

// Dial opens a WebSocket.
func Dial(t testing.TB, addr, path string, header http.Header) *Conn {
	t.Helper()
	res, c := Upgrade(t, addr, path, header)
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("the upgrade was answered with %s %s", res.Status, body)
	}
	return c
}

// Put sends bytes as they are. The server may have hung up already; what it
// said is then read afterwards.
func (c *Conn) Put(b ...[]byte) {
	c.SetWriteDeadline(time.Now().Add(Patience))
	c.Conn.Write(bytes.Join(b, nil))
}

// Closed is the server's close frame.
type Closed struct {
	Code   int // 1005 if it has none
	Reason string
}

func (e *Closed) Error() string { return fmt.Sprintf("closed: %d %s", e.Code, e.Reason) }

// Next returns the next frame; of a close frame, what it says is the error.
func (c *Conn) Next() (op byte, payload []byte, err error) {
	c.T.Helper()
	c.SetReadDeadline(time.Now().Add(Patience))
	var head [8]byte
	if _, err := io.ReadFull(c.In, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0x70 != 0 || head[0]&Fin == 0 || head[1]&0x80 != 0 {
		c.T.Fatalf("the server sent a frame that begins with % x", head[:2])
	}
	op = head[0] & 0x0f
	length := uint64(head[1])
	switch length {
	case 126:
		_, err = io.ReadFull(c.In, head[:2])
		length = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(c.In, head[:8])
		length = binary.BigEndian.Uint64(head[:8])
	}
	if err == nil {
		payload = make([]byte, length) // the server is trusted
		_, err = io.ReadFull(c.In, payload)
	}
	switch {
	case err != nil || op != 8:
		return op, payload, err
	case len(payload) < 2:
		return op, payload, &Closed{Code: 1005}
	}
	return op, payload, &Closed{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
}

// Closes reads until the server's close frame, which must have that code, and
// answers it. After that the server must end the connection.
func (c *Conn) Closes(what string, code int) {
	c.T.Helper()
	for {
		_, _, err := c.Next()
		if e, ok := errors.AsType[*Closed](err); ok {
			if e.Code != code {
				c.T.Errorf("%s: closed with %d %q, want %d", what, e.Code, e.Reason, code)
			}
			break
		}
		if err != nil {
			c.T.Errorf("%s: %v, want a close with %d", what, err, code)
			return
		}
	}
	c.Put(Close(code, ""))
	c.SetReadDeadline(time.Now().Add(Patience))
	n, err := io.Copy(io.Discard, c.In)
	if e, ok := err.(net.Error); n > 0 || ok && e.Timeout() {
		c.T.Errorf("%s: %d bytes after the close, then %v", what, n, err)
	}
	c.Close()
}
