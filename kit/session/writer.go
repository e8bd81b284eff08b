package session

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer saves the session before the first byte of the response. If that
// fails, the failure is answered and what the handler writes is refused.
type writer struct {
	http.ResponseWriter
	save   func() error
	failed func(error)
	began  bool
	err    error // of the save before the header
}

// begin saves once. What it returns is the error of that one time.
func (w *writer) begin() error {
	if w.began {
		return w.err
	}
	w.began = true
	if w.err = w.save(); w.err != nil {
		// These describe the answer that is not given.
		for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Etag",
			"Last-Modified", "Location"} {
			w.Header().Del(name)
		}
		w.failed(w.err)
	}
	return w.err
}

func (w *writer) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status) // informational: the header proper is still to come
		return
	}
	if w.begin() == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets a file be sent by the kernel, as without the middleware.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, r)
}

// Flush and Hijack are here because they send the header, which must not pass
// by the save.
func (w *writer) Flush() { _ = w.FlushError() }

func (w *writer) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.begin(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
