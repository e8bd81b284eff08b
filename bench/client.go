package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/wsclient"
)

// client is one WebSocket connection, cheap enough to have thousands of.
type client struct {
	*wsclient.Conn
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
	conn, err := wsclient.Dial(ctx, s.url+"/api/v1/ws", wsclient.Options{DialContext: from(n),
		Header: http.Header{"Authorization": {"Bearer " + token}}})
	return &client{Conn: conn, acks: make(chan struct{}, 1<<16)}, err
}

func request(id int, method string, params any) []byte {
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return frame
}

// sync asks for events, and returns when the state has come.
func (c *client) sync() error { return c.ask("sync", map[string]any{}) }

// watch asks to be told when people come and go.
func (c *client) watch(users []chat.UserID) error {
	return c.ask("presence.watch", map[string]any{"users": users})
}

// ask returns when the answer has come, before the client reads.
func (c *client) ask(method string, params any) error {
	if err := c.Write(request(1, method, params)); err != nil {
		return err
	}
	var payload []byte
	for {
		var err error
		if payload, err = c.Read(payload); err != nil {
			return err
		}
		if bytes.Contains(payload[:min(len(payload), 64)], []byte(`"id":1`)) {
			if bytes.Contains(payload[:min(len(payload), 64)], []byte(`"error"`)) {
				return fmt.Errorf("%s: %s", method, payload)
			}
			return nil
		}
	}
}

// read counts what comes until the connection ends.
func (c *client) read() {
	var buf []byte
	for {
		var err error
		if buf, err = c.Read(buf); err != nil {
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
		return c.Write(fmt.Appendf(nil, `42%d["message","%s"]`, n, text))
	}
	return c.say(chat.GeneralID, n, text)
}

// say sends one message to a room.
func (c *client) say(room chat.RoomID, n int, text string) error {
	return c.Write(message(room, n, text))
}

func message(room chat.RoomID, n int, text string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"message.send","params":{"room":"%s","text":"%s","client_id":"b%d"}}`, n, room, text, n)
}

// talk keeps so many sends to General under way until stop, and waits for their
// answers.
func (c *client) talk(n, window int, stop time.Time) error {
	var in []byte
	var out [][]byte
	for more, left := window, 0; ; {
		for ; more > 0; more-- {
			n++
			left++
			out = append(out, message(chat.GeneralID, n, text))
		}
		if len(out) > 0 && c.Buffered() == 0 {
			if err := c.Write(out...); err != nil {
				return err
			}
			out = out[:0]
		}
		if left == 0 {
			return nil
		}
		var err error
		if in, err = c.Read(in); err != nil {
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
