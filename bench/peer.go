package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/wsclient"
)

// peer measures, in the same run, what many would write instead: Node.js with
// Socket.IO, its Redis adapter and every message stored in Redis
// (peer/server.mjs), under the loads of fanout. It reports how many times as
// much of the server's processor that takes.
func (b *bench) peer() error {
	if b.store != "redis" {
		return nil // it needs Redis, as its peer does
	}
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "there is no node: what many would write is left out")
		return nil
	}
	if _, err := os.Stat("bench/peer/node_modules"); err != nil {
		install := exec.CommandContext(b.ctx, "npm", "ci", "--no-fund", "--no-audit")
		install.Dir, install.Stderr = "bench/peer", os.Stderr
		if err := install.Run(); err != nil {
			return fmt.Errorf("npm ci in bench/peer: %w", err)
		}
	}
	d, err := b.data("peer")
	if err != nil {
		return err
	}
	defer d.close()
	s, err := b.startPeer(d.redis.socket)
	if err != nil {
		return err
	}
	clients, err := b.joinPeer(s, 200)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	for _, load := range []struct {
		name string
		run  func(stop time.Time) error
	}{
		{"200 members, as fast as they come",
			func(stop time.Time) error { return flood(clients[:8], 32, stop) }},
		{"200 members, 100 messages/s", func(stop time.Time) error { return steady(clients[0], 100, stop) }},
	} {
		cost, err := b.delivery(s, clients, load.run)
		if err != nil {
			return errors.Join(err, s.stop())
		}
		b.note("server CPU per delivery, "+load.name+", Node.js", cost, "µs")
		if ours, ok := b.find("server CPU per delivery, " + load.name + ", Redis"); ok {
			b.note("that of Node.js by Parley's on Redis, "+load.name, cost/ours, "×")
		}
	}
	hangUp(clients)
	if err := s.stop(); err != nil {
		return err
	}
	return b.peerMemory(d)
}

// peerMemory is memory's, for the peer.
func (b *bench) peerMemory(d data) error {
	s, err := b.startPeer(d.redis.socket)
	if err != nil {
		return err
	}
	before, err := s.settle()
	if err != nil {
		return errors.Join(err, s.stop())
	}
	clients, err := b.joinPeer(s, 4000)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	after, err := s.settle()
	if err != nil {
		return errors.Join(err, s.stop())
	}
	b.note("memory per joined idle connection, 4,000 of them, Node.js",
		(after-before)/float64(len(clients))/1e3, "kB")
	hangUp(clients)
	return s.stop()
}

// joinPeer opens connections, and reads.
func (b *bench) joinPeer(s *server, n int) (clients []*client, err error) {
	for i := range n {
		c, err := dialPeer(b.ctx, s, i)
		if err != nil {
			hangUp(clients)
			return nil, err
		}
		clients = append(clients, c)
		go c.readPeer()
	}
	return clients, nil
}

// find returns a figure of this run.
func (b *bench) find(name string) (float64, bool) {
	for _, f := range b.figures {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

func (b *bench) startPeer(socket string) (*server, error) {
	cmd := exec.CommandContext(b.ctx, "node", "bench/peer/server.mjs", socket)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "open:"); ok {
			go io.Copy(io.Discard, out)
			return &server{cmd: cmd, url: strings.TrimSpace(at)}, nil
		}
	}
	return nil, errors.Join(errors.New("bench/peer did not start"), cmd.Wait())
}

// dialPeer opens a Socket.IO connection over WebSocket.
func dialPeer(ctx context.Context, s *server, n int) (*client, error) {
	conn, err := wsclient.Dial(ctx, s.url+"/socket.io/?EIO=4&transport=websocket",
		wsclient.Options{DialContext: from(n)})
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, acks: make(chan struct{}, 1<<16), peer: true}
	for _, want := range []string{"0{", "40{"} { // the session, then the namespace
		buf, err := c.Read(nil)
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(buf, []byte(want)) {
			return nil, fmt.Errorf("%s instead of %s…", buf, want)
		}
		if want == "0{" {
			if err := c.Write([]byte("40")); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// readPeer counts what comes until the connection ends.
func (c *client) readPeer() {
	var buf []byte
	for {
		var err error
		if buf, err = c.Read(buf); err != nil {
			close(c.acks)
			return
		}
		switch {
		case bytes.HasPrefix(buf, []byte(`42["message"`)):
			c.events.Add(1)
		case bytes.HasPrefix(buf, []byte("43")):
			c.acks <- struct{}{}
		case bytes.Equal(buf, []byte("2")):
			if c.Write([]byte("3")) != nil {
				return
			}
		}
	}
}
