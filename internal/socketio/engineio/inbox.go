package engineio

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// inbox is what came from a socket and was not yet parsed. It holds a buffer
// only while there is something in it: it waits for the socket to become
// readable first, and then takes one from the pool.
type inbox struct {
	c   *conn
	try func(fd uintptr) bool
	b   *[]byte // nil while empty
	at  int     // what lies before is parsed
	err error

	fresh bool // the next look at the socket is to take little of the stack
	one   [1]byte
}

// chunk is the size of a pooled buffer, in bytes.
const chunk = 4 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

// init readies an inbox with what has come already.
func (in *inbox) init(c *conn, early []byte) {
	in.c, in.try = c, in.readable
	if len(early) > 0 {
		in.hold()
		*in.b = append(*in.b, early...)
	}
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

// drop takes n parsed bytes off the front, and gives the buffer back with the
// last of them.
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

// empty reports whether everything that came is parsed.
func (in *inbox) empty() bool { return in.b == nil }

// fillFresh is fill for a goroutine that has only just started, with a socket
// that can be read directly: nothing that it calls before it has to wait makes
// its stack grow, which taking a buffer does.
func (in *inbox) fillFresh() error {
	in.err, in.fresh = nil, true
	if err := in.c.raw.Read(in.try); err != nil {
		return err
	}
	return in.err
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
	if in.c.raw != nil {
		in.err = nil
		err := in.c.raw.Read(in.try)
		return errors.Join(err, in.err)
	}
	in.hold()
	b := *in.b
	n, err := in.c.nc.Read(b[len(b):cap(b)])
	*in.b = b[:len(b)+n]
	if n > 0 {
		return nil
	}
	return err
}

// readable is called when the socket may have something. It reports false to
// wait.
func (in *inbox) readable(fd uintptr) bool {
	begun := false
	if in.fresh {
		in.fresh = false
		if begun = in.first(fd); !begun || in.err != nil {
			return begun
		}
	}
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
			return begun
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

// first reads one byte, if there is one. Without the attempt the socket would
// not be waited for: it says only once that it has something.
func (in *inbox) first(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), in.one[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			in.err = err
		case n == 0:
			in.err = io.EOF
		default:
			in.hold()
			*in.b = append(*in.b, in.one[0])
		}
		return true
	}
}
