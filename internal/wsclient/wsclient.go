// Package wsclient is a small WebSocket client: text messages over one
// connection, without a goroutine or a timer of its own, so that a program can
// have thousands of them.
package wsclient

import (
	"bufio"
	"context"
	"crypto/tls"
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

const (
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 10 * time.Second
	maxMessage       = 64 << 20 // bytes; a larger message is not from a server of ours
	maxRefusal       = 64 << 10 // bytes of the body of a refused handshake
)

// Options say how to dial. The zero value is fine.
type Options struct {
	Header      http.Header
	ReadBuffer  int // bytes; default 4096
	TLS         *tls.Config
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// HandshakeError is an HTTP answer other than 101.
type HandshakeError struct {
	Status int
	Header http.Header
	Body   []byte
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the server refused the WebSocket with status %d", e.Status)
}

// CloseError is a close frame from the server.
type CloseError struct {
	Code   int // as in RFC 6455, 7.4
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the connection: %d %s", e.Code, e.Reason)
}

// Conn is one connection. Read is for one goroutine; the other methods may be
// called from any.
type Conn struct {
	net net.Conn
	in  *bufio.Reader
	mu  sync.Mutex // held while a frame is written
}

// Dial opens a connection to a URL whose scheme is ws, wss, http or https.
func Dial(ctx context.Context, url string, o Options) (*Conn, error) {
	if o.ReadBuffer == 0 {
		o.ReadBuffer = 4 << 10
	}
	var refused *HandshakeError
	d := ws.Dialer{
		Header: ws.HandshakeHeaderHTTP(o.Header), NetDial: o.DialContext, TLSConfig: o.TLS,
		Timeout: handshakeTimeout, ReadBufferSize: o.ReadBuffer, WriteBufferSize: 1 << 10,
		OnStatusError: func(status int, _ []byte, answer io.Reader) {
			refused = &HandshakeError{Status: status}
			if res, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
				refused.Header = res.Header
				refused.Body, _ = io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // what arrives is enough
			}
		},
	}
	if rest, ok := strings.CutPrefix(url, "http"); ok {
		url = "ws" + rest
	}
	conn, early, _, err := d.Dial(ctx, url)
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	c := &Conn{net: conn, in: early}
	if early == nil {
		c.in = bufio.NewReaderSize(conn, o.ReadBuffer)
	}
	return c, nil
}

// Read returns the next text message, in buf if it is large enough. It answers
// pings. A close frame is a [*CloseError].
func (c *Conn) Read(buf []byte) ([]byte, error) {
	buf = buf[:0]
	for {
		h, err := ws.ReadHeader(c.in)
		if err != nil {
			return buf, err
		}
		begin := len(buf)
		if h.Length > maxMessage-int64(begin) {
			return buf, errors.New("the server sent a message that is too large")
		}
		end := begin + int(h.Length)
		if cap(buf) < end {
			buf = append(make([]byte, 0, end), buf...)
		}
		buf = buf[:end]
		if _, err := io.ReadFull(c.in, buf[begin:]); err != nil {
			return buf, err
		}
		switch h.OpCode {
		case ws.OpText, ws.OpContinuation:
			if h.Fin {
				return buf, nil
			}
			continue
		case ws.OpPing:
			if err := c.write(ws.NewPongFrame(buf[begin:])); err != nil {
				return buf, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(buf[begin:])
			return buf, &CloseError{int(code), reason}
		}
		buf = buf[:begin]
	}
}

// Buffered returns how many bytes have been received and not yet read.
func (c *Conn) Buffered() int { return c.in.Buffered() }

// Write sends text messages with one system call. It masks the messages in
// place. An error ends the connection.
func (c *Conn) Write(messages ...[]byte) error {
	frames := make([]ws.Frame, len(messages))
	for i, m := range messages {
		frames[i] = ws.NewTextFrame(m)
	}
	return c.write(frames...)
}

func (c *Conn) write(frames ...ws.Frame) error {
	var all []byte
	for _, f := range frames {
		one, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
		if err != nil {
			return err
		}
		if all == nil {
			all = one
		} else {
			all = append(all, one...)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := c.net.Write(all); err != nil {
		c.net.Close()
		return err
	}
	return nil
}

// SetReadDeadline bounds how long Read waits.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.net.SetReadDeadline(t) }

// Goodbye tells the server that the client leaves, and closes the connection.
func (c *Conn) Goodbye() error {
	bye := c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	return errors.Join(bye, c.net.Close())
}

// Close closes the connection without telling the server.
func (c *Conn) Close() error { return c.net.Close() }

// NetConn returns the connection below, for its options.
func (c *Conn) NetConn() net.Conn { return c.net }
