package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

type jsonText = json.RawMessage

// socket is one WebSocket. A goroutine reads it until it is over.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	hear func(method string, params json.RawMessage) // called by the goroutine
	over chan struct{}
	why  error // read after over

	out   sync.Mutex // held while a frame is written
	mu    sync.Mutex
	last  int64
	calls map[int64]*pending
}

type pending struct {
	take func(result json.RawMessage) // called by the goroutine that reads, before it reads on; may be nil
	done chan error
}

// refused is an answer that is an error.
type refused struct{ Code, Message string }

func (r refused) Error() string { return r.Code + ": " + r.Message }

// closed is a close frame.
type closed struct {
	Code   ws.StatusCode
	Reason string
}

func (c closed) Error() string { return fmt.Sprintf("closed with %d %s", c.Code, c.Reason) }

var errOver = errors.New("the socket is over")

func openSocket(ctx context.Context, url, token string, hear func(string, json.RawMessage)) (*socket, error) {
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP(
		http.Header{"Authorization": {"Bearer " + token}}), Timeout: 10 * time.Second}
	conn, early, _, err := d.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/api/v1/ws")
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, in: early, hear: hear, over: make(chan struct{}), calls: map[int64]*pending{}}
	if early == nil {
		s.in = bufio.NewReader(conn)
	}
	go s.read()
	return s, nil
}

func (s *socket) close() {
	s.conn.Close()
	<-s.over
}

func (s *socket) write(f ws.Frame) error {
	s.out.Lock()
	defer s.out.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return ws.WriteFrame(s.conn, ws.MaskFrameInPlace(f))
}

func (s *socket) read() {
	for s.why == nil {
		s.why = s.frame()
	}
	s.conn.Close()
	s.mu.Lock()
	for _, p := range s.calls {
		p.done <- errOver
	}
	s.calls = nil
	s.mu.Unlock()
	close(s.over)
}

func (s *socket) frame() error {
	h, err := ws.ReadHeader(s.in)
	if err != nil {
		return err
	}
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, body); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return s.write(ws.NewPongFrame(body))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(body)
		return closed{code, reason}
	case ws.OpText:
	default:
		return nil
	}
	var f struct {
		ID     int64           `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Message string `json:"message"`
			Data    struct {
				Code string `json:"code"`
			} `json:"data"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	if f.Method != "" {
		s.hear(f.Method, f.Params)
		return nil
	}
	s.mu.Lock()
	p := s.calls[f.ID]
	delete(s.calls, f.ID)
	s.mu.Unlock()
	switch {
	case p == nil:
	case f.Error != nil:
		p.done <- refused{f.Error.Data.Code, f.Error.Message}
	default:
		if p.take != nil {
			p.take(f.Result)
		}
		p.done <- nil
	}
	return nil
}

// call asks, and returns when the answer was taken.
func (s *socket) call(ctx context.Context, method string, params any, take func(json.RawMessage)) error {
	p := &pending{take: take, done: make(chan error, 1)}
	s.mu.Lock()
	if s.calls == nil {
		s.mu.Unlock()
		return errOver
	}
	s.last++
	id := s.last
	s.calls[id] = p
	s.mu.Unlock()
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := s.write(ws.NewTextFrame(frame)); err != nil {
		return errOver
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
