package files

import (
	"errors"
	"io"

	"github.com/parley-chat/parley/internal/blob"
)

// peeked is a blob whose first bytes are known. They are not read again, which
// of a bucket would cost a request.
type peeked struct {
	*blob.Blob
	head []byte
	at   int64 // where the next Read begins
	rest int64 // where the blob is
}

func peek(b *blob.Blob) (*peeked, error) {
	head := make([]byte, min(headSize, b.Size))
	if _, err := io.ReadFull(b, head); err != nil {
		return nil, err
	}
	return &peeked{Blob: b, head: head, rest: int64(len(head))}, nil
}

func (p *peeked) Read(into []byte) (int, error) {
	if p.at < int64(len(p.head)) {
		n := copy(into, p.head[p.at:])
		p.at += int64(n)
		return n, nil
	}
	if p.rest != p.at {
		if _, err := p.Blob.Seek(p.at, io.SeekStart); err != nil {
			return 0, err
		}
	}
	n, err := p.Blob.Read(into)
	p.at += int64(n)
	p.rest = p.at
	return n, err
}

func (p *peeked) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.Size
	}
	if offset < 0 {
		return 0, errors.New("seek in a file: before its start")
	}
	p.at = offset
	return offset, nil
}
