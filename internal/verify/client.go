package verify

import (
	"bufio"
	"bytes"
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

// socket is one WebSocket of the chat's protocol.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	hear func(method string, params json.RawMessage) // called by the goroutine that reads
	over chan struct{}

	out   sync.Mutex
	mu    sync.Mutex
	last  int64
	calls map[int64]*pending // nil once it is over
}

type pending struct {
	take func(json.RawMessage) // called before anything later is heard; may be nil
	done chan error
}

// refused is an answer that is an error.
type refused struct{ Code, Message string }

func (r refused) Error() string { return r.Code + ": " + r.Message }

// passing reports whether the same request may be answered later.
func (r refused) passing() bool {
	return r.Code == "unavailable" || r.Code == "rate_limited" || r.Code == "internal"
}

var errOver = errors.New("the connection is over")

// dial opens a connection, and reads it from then on.
func dial(ctx context.Context, url, token string, hear func(string, json.RawMessage)) (*socket, error) {
	s, err := connect(ctx, url, token, 4<<10)
	if err != nil {
		return nil, err
	}
	s.hear, s.over = hear, make(chan struct{})
	go s.read()
	return s, nil
}

// connect opens a connection that nobody reads yet.
func connect(ctx context.Context, url, token string, buffer int) (*socket, error) {
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP(
		http.Header{"Authorization": {"Bearer " + token}}), Timeout: 10 * time.Second, ReadBufferSize: buffer}
	conn, early, _, err := d.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/api/v1/ws")
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, in: early, calls: map[int64]*pending{}}
	if early == nil {
		s.in = bufio.NewReaderSize(conn, buffer)
	}
	return s, nil
}

// close ends the connection without a word, as a cable that is pulled, and
// waits until nothing is heard any more.
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
	for s.frame() == nil {
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
		return errOver
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

// call asks, and returns when the answer was taken. An error that is not
// refused leaves open what happened.
func (s *socket) call(ctx context.Context, method string, params any, take func(json.RawMessage)) error {
	p := &pending{take: take, done: make(chan error, 1)}
	if err := s.ask(method, params, p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask asks, and returns before there is an answer.
func (s *socket) ask(method string, params any, p *pending) error {
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
	return nil
}

// rest makes one REST request.
func rest(ctx context.Context, method, url, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var reader io.Reader
	if in != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		var problem struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
		}
		if json.Unmarshal(answer, &problem) == nil && problem.Code != "" {
			return refused{problem.Code, problem.Detail}
		}
		return fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
