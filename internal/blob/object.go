package blob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// object reads an object of a bucket. It asks for bytes only when they are
// read, and from where the last Seek left off, so that a range costs what it
// holds.
type object struct {
	ctx    context.Context
	bucket *Bucket
	key    string
	etag   string
	size   int64
	at     int64         // where the next Read begins
	body   io.ReadCloser // nil, or the rest of the object
	bodyAt int64         // where the rest begins
}

func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if o.body == nil || o.bodyAt != o.at {
		if err := o.ask(); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	o.bodyAt = o.at
	switch {
	case err == io.EOF && o.at < o.size:
		err = io.ErrUnexpectedEOF
	case err == io.EOF && n > 0:
		err = nil
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read a blob: %w", err)
	}
	return n, err
}

func (o *object) ask() error {
	if err := o.Close(); err != nil {
		return err
	}
	var opt minio.GetObjectOptions
	// An object that was replaced in between is not what was opened.
	if err := opt.SetMatchETag(o.etag); err != nil {
		return err
	}
	if o.at > 0 {
		if err := opt.SetRange(o.at, o.size-1); err != nil {
			return err
		}
	}
	body, _, _, err := o.bucket.core.GetObject(o.ctx, o.bucket.name, o.key, opt)
	if err != nil {
		return fmt.Errorf("read a blob: %w", judged(err))
	}
	o.body, o.bodyAt = body, o.at
	return nil
}

func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	case io.SeekStart:
	default:
		return 0, errors.New("seek in a blob: no such whence")
	}
	if offset < 0 {
		return 0, errors.New("seek in a blob: before its start")
	}
	o.at = offset
	return offset, nil
}

func (o *object) Close() error {
	if o.body == nil {
		return nil
	}
	err := o.body.Close()
	o.body = nil
	return err
}
