package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// The operator's commands reach a running server through a socket in its data
// directory, which only the operator can open.

var errNoServer = errors.New("no server runs on this data")

func controlPath(data string) string { return filepath.Join(data, "control.sock") }

// listenControl serves orders until the listener is closed. The data
// directory's lock makes sure that a socket found there is a left-over.
func listenControl(data string) (net.Listener, error) {
	path := controlPath(data)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	short, done, err := shortPath(data)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then the short path is no more; the next start removes it
	return l, os.Chmod(path, 0o600)
}

// shortPath is a path of the socket that fits into a socket's address, which
// has room for 107 bytes, until done is called. The directory's own path may be
// longer.
func shortPath(data string) (path string, done func(), err error) {
	if path = controlPath(data); len(path) <= 100 {
		return path, func() {}, nil
	}
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, err
	}
	path = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	return path, func() { dir.Close() }, nil
}

// controlServer carries out orders. Url is where people reach the server.
func controlServer(s *chat.Service, url string) *http.Server {
	var importing sync.Mutex
	return &http.Server{
		ReadTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var o order
			if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&o); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if o.Import != nil {
				if !importing.TryLock() {
					http.Error(w, "another import is running: wait for its end", http.StatusBadRequest)
					return
				}
				defer importing.Unlock()
				o.Import.PublicURL = cmp.Or(o.Import.PublicURL, url)
			}
			text, err := obey(r.Context(), s, o)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			io.WriteString(w, text)
		}),
	}
}

// askServer has an order carried out by the server that runs on the data;
// errNoServer if none does.
func askServer(ctx context.Context, data string, o order) (string, error) {
	path := controlPath(data)
	if _, err := os.Stat(path); err != nil {
		return "", errNoServer
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			short, done, err := shortPath(data)
			if err != nil {
				return nil, err
			}
			defer done()
			return new(net.Dialer).DialContext(ctx, "unix", short)
		},
	}}
	body, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://parley/", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return "", errNoServer // left over from a server that was killed
	}
	if err != nil {
		return "", fmt.Errorf("the running server did not answer: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return string(text), err
}
