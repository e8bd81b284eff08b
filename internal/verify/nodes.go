package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// nodes are the server processes of one chat.
type nodes struct {
	dir   string                  // of their output
	data  func(slot int) []string // flags that say where the data is
	proxy bool                    // whether clients reach them through one

	mu     sync.Mutex
	binary string
	all    []*node
	count  int // how many were ever started
}

// node is one server.
type node struct {
	process
	slot int // which of the nodes it is: its successor has the same

	mu    sync.Mutex
	url   string // once it has said where it listens
	proxy *proxy // between clients and it; nil if there is none
}

// use has nodes that start from now on run another binary.
func (n *nodes) use(binary string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.binary = binary
}

// start starts another node in a slot and waits until it is ready.
func (n *nodes) start(ctx context.Context, slot int) error {
	n.mu.Lock()
	n.count++
	log := filepath.Join(n.dir, fmt.Sprintf("node-%d-%d.log", slot, n.count))
	binary := n.binary
	n.mu.Unlock()
	s := &node{slot: slot}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--sign-up", "open", "--max-sends=-1",
		"--max-calls=-1", "--max-logins=-1", "--max-socket-frames=-1", "--max-user-sockets=100000",
		"--log-level", "info"}
	s.process = process{path: binary, args: append(args, n.data(slot)...), log: log,
		line: func(line string) {
			if _, at, ok := strings.Cut(line, "open:"); ok {
				s.mu.Lock()
				s.url = strings.TrimSpace(at)
				s.mu.Unlock()
			}
		}}
	if err := s.process.start(); err != nil {
		return err
	}
	ready := func() bool {
		s.mu.Lock()
		url := s.url
		s.mu.Unlock()
		if url == "" {
			return false
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", url+"/readyz", nil)
		if err != nil {
			return false
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if err := s.until(ctx, ready); err != nil {
		s.kill()
		return fmt.Errorf("node %d: %w", slot, err)
	}
	if n.proxy {
		way, err := newProxy(strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			s.kill()
			return err
		}
		s.proxy = way
	}
	n.mu.Lock()
	n.all = append(n.all, s)
	n.mu.Unlock()
	return nil
}

// remove removes a node from the list, so that clients no longer connect to it.
func (n *nodes) remove(s *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = slices.DeleteFunc(n.all, func(x *node) bool { return x == s })
}

// list returns those that run.
func (n *nodes) list() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// urls is where clients reach them.
func (n *nodes) urls() []string {
	var all []string
	for _, s := range n.list() {
		if s.proxy != nil {
			all = append(all, "http://"+s.proxy.addr())
		} else {
			all = append(all, s.url)
		}
	}
	return all
}

// kill kills a node.
func (n *nodes) kill(s *node) {
	n.remove(s)
	s.process.kill()
	s.end()
}

// stop shuts a node down cleanly.
func (n *nodes) stop(s *node) error {
	n.remove(s)
	err := s.process.stop()
	s.end()
	if err != nil {
		return fmt.Errorf("node %d ended with %w: %s", s.slot, err, s.tail())
	}
	return nil
}

func (s *node) end() {
	if s.proxy != nil {
		s.proxy.close()
	}
}

// close stops all nodes and returns the errors.
func (n *nodes) close() error {
	var bad []error
	for _, s := range n.list() {
		bad = append(bad, n.stop(s))
	}
	return errors.Join(bad...)
}
