package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/internal/chat"
)

// client is one WebSocket connection, cheap enough to have thousands of.
type client struct {
	conn   net.Conn
	in     *bufio.Reader
	events atomic.Int64 // message.created events seen
	acks   chan struct{}
	peer   bool // it speaks Socket.IO, to bench/peer
}

// from dials from one of several loopback addresses, as one of them has too few
// ports for thousands of connections and what is left over of earlier ones.
func from(n int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+n/250/250), byte(1+n/250%250))}}
	return d.DialContext
}

// dial opens and authenticates a connection.
func dial(ctx context.Context, s *server, token string, n int) (*client, error) {
	d := ws.Dialer{
		Header:         ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}),
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, NetDial: from(n),
	}
	conn, early, _, err := d.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+"/api/v1/ws")
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), acks: make(chan struct{}, 1<<16)}
	if early != nil {
		c.in = early
	}
	return c, nil
}

// write sends a frame in one piece, as clients do: in two, the server would be
// woken for each.
func (c *client) write(payload []byte) error {
	frame, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame(payload)))
	if err == nil {
		_, err = c.conn.Write(frame)
	}
	return err
}

func request(id int, method string, params any) []byte {
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return frame
}

// sync asks for events, and returns when the state has come.
func (c *client) sync() error {
	if err := c.write(request(1, "sync", map[string]any{})); err != nil {
		return err
	}
	var payload []byte
	for {
		var err error
		if payload, err = c.next(payload); err != nil {
			return err
		}
		if bytes.Contains(payload[:min(len(payload), 64)], []byte(`"id":1`)) {
			if bytes.Contains(payload[:min(len(payload), 64)], []byte(`"error"`)) {
				return fmt.Errorf("sync: %s", payload)
			}
			return nil
		}
	}
}

// next reads one frame into buf, and answers pings.
func (c *client) next(buf []byte) ([]byte, error) {
	for {
		h, err := ws.ReadHeader(c.in)
		if err != nil {
			return buf, err
		}
		if int64(cap(buf)) < h.Length {
			buf = make([]byte, h.Length)
		}
		buf = buf[:h.Length]
		if _, err := io.ReadFull(c.in, buf); err != nil {
			return buf, err
		}
		switch h.OpCode {
		case ws.OpText:
			return buf, nil
		case ws.OpPing:
			if err := ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewPongFrame(buf))); err != nil {
				return buf, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(buf)
			return buf, fmt.Errorf("closed by the server: %d %s", code, reason)
		}
	}
}

// read counts what comes until the connection ends.
func (c *client) read() {
	var buf []byte
	for {
		var err error
		if buf, err = c.next(buf); err != nil {
			close(c.acks)
			return
		}
		switch {
		case bytes.Contains(buf, []byte(`"kind":"message.created"`)):
			c.events.Add(1)
		case bytes.Contains(buf, []byte(`"result"`)):
			c.acks <- struct{}{}
		}
	}
}

// send sends one message to General.
func (c *client) send(n int, text string) error {
	if c.peer {
		return c.write(fmt.Appendf(nil, `42%d["message","%s"]`, n, text))
	}
	return c.say(chat.GeneralID, n, text)
}

// say sends one message to a room.
func (c *client) say(room chat.RoomID, n int, text string) error {
	return c.write(message(room, n, text))
}

func message(room chat.RoomID, n int, text string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"message.send","params":{"room":"%s","text":"%s","client_id":"b%d"}}`, n, room, text, n)
}

// talk keeps so many sends to General under way until stop, and waits for their
// answers.
func (c *client) talk(n, window int, stop time.Time) error {
	var out bytes.Buffer
	var in []byte
	for more, left := window, 0; ; {
		for ; more > 0; more-- {
			n++
			left++
			if err := ws.WriteFrame(&out, ws.MaskFrameInPlace(
				ws.NewTextFrame(message(chat.GeneralID, n, text)))); err != nil {
				return err
			}
		}
		if out.Len() > 0 && c.in.Buffered() == 0 {
			if _, err := c.conn.Write(out.Bytes()); err != nil {
				return err
			}
			out.Reset()
		}
		if left == 0 {
			return nil
		}
		var err error
		if in, err = c.next(in); err != nil {
			return err
		}
		if !bytes.Contains(in, []byte(`"result"`)) {
			return fmt.Errorf("a send was answered with %s", in)
		}
		if left--; time.Now().Before(stop) {
			more = 1
		}
	}
}
