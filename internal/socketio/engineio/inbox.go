package engineio

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// inbox is what came from a socket and was not yet parsed. It holds a buffer only while there is something in it: it waits for
// the socket to become readable first, and then takes one from the pool.
type inbox struct {
	nc  net.Conn
	raw syscall.RawConn // nil if the socket cannot be read directly (TLS)
	try func(fd uintptr) bool
	b   *[]byte // nil while empty
	at  int     // what lies before is parsed
	err error
}

// chunk is the size of a pooled buffer, in bytes.
const chunk = 4 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

func newInbox(c *conn, early []byte) *inbox {
	in := &inbox{nc: c.nc, raw: c.raw}
	in.try = in.readable
	if len(early) > 0 {
		in.hold()
		*in.b = append(*in.b, early...)
	}
	return in
}

func (in *inbox) hold() {
	if in.b == nil {
		in.b = buffers.Get().(*[]byte)
		*in.b = (*in.b)[:0]
	}
}

func (in *inbox) bytes() []byte {
	if in.b == nil {
		return nil
	}
	return (*in.b)[in.at:]
}

// drop takes n parsed bytes off the front, and gives the buffer back with the last of them.
func (in *inbox) drop(n int) {
	if in.at += n; in.at == len(*in.b) {
		in.close()
	}
}

func (in *inbox) close() {
	if in.b != nil && cap(*in.b) == chunk { // a larger one is not kept
		buffers.Put(in.b)
	}
	in.b, in.at = nil, 0
}

// fill waits until more has come.
func (in *inbox) fill() error {
	if in.b != nil { // a part of a frame: make room behind it
		*in.b = (*in.b)[:copy(*in.b, (*in.b)[in.at:])]
		in.at = 0
		if len(*in.b) == cap(*in.b) {
			larger := make([]byte, len(*in.b), 2*cap(*in.b))
			copy(larger, *in.b)
			in.b = &larger
		}
	}
	if in.raw != nil {
		in.err = nil
		err := in.raw.Read(in.try)
		return errors.Join(err, in.err)
	}
	in.hold()
	b := *in.b
	n, err := in.nc.Read(b[len(b):cap(b)])
	*in.b = b[:len(b)+n]
	if n > 0 {
		return nil
	}
	return err
}

// readable is called when the socket may have something. It reports false to wait.
func (in *inbox) readable(fd uintptr) bool {
	empty := in.b == nil
	in.hold()
	b := *in.b
	for {
		n, err := syscall.Read(int(fd), b[len(b):cap(b)])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if empty {
				in.close()
			}
			return false
		case err != nil:
			in.err = err
		case n == 0:
			in.err = io.EOF
		default:
			*in.b = b[:len(b)+n]
		}
		return true
	}
}
