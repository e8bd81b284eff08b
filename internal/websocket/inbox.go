package websocket

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// inbox holds the bytes that were read from a socket and not yet parsed. It
// waits until the socket is readable before it takes a buffer from the pool,
// and gives the buffer back when everything in it is parsed.
type inbox struct {
	c    *Conn
	read func(fd uintptr) bool
	b    *[]byte // nil while empty
	at   int     // everything before it is parsed
	err  error
}

// chunk is the size of a pooled buffer, in bytes.
const chunk = 4 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

func (in *inbox) init(c *Conn, early []byte) {
	in.c, in.read = c, in.readable
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

// drop removes n parsed bytes from the front.
func (in *inbox) drop(n int) {
	if in.at += n; in.at == len(*in.b) {
		in.release()
	}
}

func (in *inbox) release() {
	if in.b != nil && cap(*in.b) == chunk { // larger ones are not worth keeping
		buffers.Put(in.b)
	}
	in.b, in.at = nil, 0
}

func (in *inbox) empty() bool { return in.b == nil }

// fill waits until more bytes have come.
func (in *inbox) fill() error {
	if in.b != nil { // part of a frame: make room after it
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
		err := in.c.raw.Read(in.read)
		return errors.Join(err, in.err)
	}
	in.hold()
	b := *in.b
	n, err := in.c.nc.Read(b[len(b):cap(b)])
	in.got(n)
	if n > 0 {
		return nil
	}
	return err
}

func (in *inbox) got(n int) {
	*in.b = (*in.b)[:len(*in.b)+n]
	in.c.srv.bytesIn.Add(int64(n))
}

// readable is called when the socket may have something to read. It returns
// false to wait for more.
func (in *inbox) readable(fd uintptr) bool {
	empty := in.b == nil
	in.hold()
	b := *in.b
	for {
		n, err := sysRead(fd, b[len(b):cap(b)])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if empty {
				in.release()
			}
			return false
		case err != nil:
			in.err = err
		case n == 0:
			in.err = io.EOF
		default:
			in.got(n)
		}
		return true
	}
}
