package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/parleytest"
)

func TestMain(m *testing.M) { os.Exit(parleytest.Main(m)) }

// process is a real server.
type process struct {
	*parleytest.Server
	t *testing.T
}

// launch starts a server on a free port and waits until it is ready.
func launch(t *testing.T, data string, args ...string) *process {
	t.Helper()
	return &process{parleytest.Start(t, append([]string{"--data", data}, args...)...), t}
}

// logIn returns a new token of a person of the demo.
func (p *process) logIn(name string) string {
	p.t.Helper()
	return p.LogIn(name).Token()
}

// stop ends the server in good order.
func (p *process) stop() {
	p.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	if err := p.Stop(); err != nil {
		p.t.Fatalf("the server ended with %v\n%s", err, p.Output())
	}
}

// call does a REST request; the answer is decoded into out if it is a success.
func call(ctx context.Context, url, method, path, token string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/api/v1"+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Parley-Device", "test") // the same over log-ins, so that retries are known
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if out == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(answer, out)
}

// dial opens a WebSocket that ends with the test. What comes over it is also
// written to heard, as it came, unless that is nil.
func dial(t *testing.T, url, token string, heard io.Writer,
	receive func(client.Update)) (*client.Conn, error) {
	t.Helper()
	c, err := client.New(client.Config{URL: url, Token: token,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil || heard == nil {
				return conn, err
			}
			return heardConn{conn, io.TeeReader(conn, heard)}, nil
		}})
	if err != nil {
		return nil, err
	}
	conn, err := c.Dial(t.Context(), receive)
	if err == nil {
		t.Cleanup(conn.Abort)
	}
	return conn, err
}

type heardConn struct {
	net.Conn
	in io.Reader
}

func (c heardConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// ignore takes what a connection brings.
func ignore(client.Update) {}
