package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// BucketOptions say where a bucket is. Endpoint, Name, Key and Secret are
// required.
type BucketOptions struct {
	Endpoint string // https://host[:port], or http:// for one on the same machine or network
	Region   string // "" asks the server
	Name     string // of the bucket, which must exist
	Prefix   string // stands before each id, such as "parley/"; may be ""
	Key      string // access key id
	Secret   string // secret access key
	Dots     bool   // ids may have dots, but not at their beginning, as the names of files do
}

// Bucket keeps blobs as objects of an S3-compatible bucket. Safe for concurrent
// use, also by many processes. A Put in flight holds up to 5 MiB of memory:
// bound how many there are.
type Bucket struct {
	core      minio.Core
	transport *http.Transport
	name      string
	prefix    string
	dots      bool
}

const (
	// partSize is the least that S3 takes as a part that is not the last.
	partSize = 5 << 20
	// abandoned is the age at which an upload in parts is nobody's any more.
	abandoned = 24 * time.Hour
	// answerTimeout is how long the server may take to begin its answer, and
	// cleaning up after a failure.
	answerTimeout = 20 * time.Second
)

// OpenBucket checks that the bucket is there and may be used, and drops uploads
// in parts that were begun over a day ago and never finished, if the key may do
// that.
func OpenBucket(ctx context.Context, opt BucketOptions) (*Bucket, error) {
	u, err := url.Parse(opt.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, fmt.Errorf("open bucket %s: the endpoint must be https://host[:port]", opt.Name)
	}
	if opt.Key == "" || opt.Secret == "" {
		return nil, fmt.Errorf("open bucket %s: the access key id or the secret access key is missing", opt.Name)
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", opt.Name, err)
	}
	transport.ResponseHeaderTimeout = answerTimeout
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(opt.Key, opt.Secret, ""),
		Secure:     u.Scheme == "https",
		Transport:  transport,
		Region:     opt.Region,
		MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", opt.Name, err)
	}
	b := &Bucket{core: *core, transport: transport, name: opt.Name, prefix: opt.Prefix,
		dots: opt.Dots}
	if err := b.open(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("open bucket %s at %s: %w", opt.Name, opt.Endpoint, err)
	}
	return b, nil
}

func (b *Bucket) open(ctx context.Context) error {
	found, err := b.core.BucketExists(ctx, b.name)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("there is no such bucket: make it first")
	}
	return b.clean(ctx, time.Now().Add(-abandoned))
}

func (b *Bucket) checkID(id string) error {
	if b.dots && !strings.HasPrefix(id, ".") {
		id = strings.ReplaceAll(id, ".", "_")
	}
	return checkID(id)
}

// clean drops unfinished uploads in parts that were begun before the time.
func (b *Bucket) clean(ctx context.Context, before time.Time) error {
	key, upload := "", ""
	for {
		page, err := b.core.ListMultipartUploads(ctx, b.name, b.prefix, key, upload, "", 1000)
		switch minio.ToErrorResponse(err).Code {
		case minio.NoSuchUpload: // how some servers say that there are none
			return nil
		case minio.AccessDenied, minio.NotImplemented: // then a rule of the bucket has to do it
			return nil
		}
		if err != nil {
			return fmt.Errorf("list unfinished uploads: %w", err)
		}
		for _, u := range page.Uploads {
			if !u.Initiated.Before(before) {
				continue
			}
			if err := b.core.AbortMultipartUpload(ctx, b.name, u.Key, u.UploadID); err != nil &&
				!isGone(err) {
				return fmt.Errorf("drop an unfinished upload: %w", err)
			}
		}
		if !page.IsTruncated {
			return nil
		}
		key, upload = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// Close ends idle connections. Open blobs stay readable.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// Put stores what r gives under the id, in place of what stood there, and
// returns its size. It is durable when Put returns. More than limit bytes is
// ErrTooLarge, no room is ErrFull; an error of r is wrapped. A Put that failed
// changed nothing, unless the server's answer was lost.
func (b *Bucket) Put(ctx context.Context, id string, r io.Reader, limit int64) (int64, error) {
	if err := b.checkID(id); err != nil {
		return 0, err
	}
	size, err := b.put(ctx, b.prefix+id, &source{ctx, r, limit})
	if err != nil {
		return 0, failed("store", id, judged(err))
	}
	return size, nil
}

func (b *Bucket) put(ctx context.Context, key string, r io.Reader) (int64, error) {
	var part bytes.Buffer // grows to what a small file needs, and to partSize at most
	n, err := io.CopyN(&part, r, partSize)
	if err == io.EOF {
		_, err = b.core.PutObject(ctx, b.name, key, bytes.NewReader(part.Bytes()), n, "", sum(&part),
			minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true})
		return n, err
	}
	if err != nil {
		return 0, err
	}
	upload, err := b.core.NewMultipartUpload(ctx, b.name, key,
		minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return 0, err
	}
	size, err := b.putParts(ctx, key, upload, &part, r)
	if err != nil {
		// The caller's context may be what ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		if gone := b.core.AbortMultipartUpload(ctx, b.name, key, upload); gone != nil && !isGone(gone) {
			err = fmt.Errorf("%w (and its parts stay for a day: %w)", err, gone)
		}
		return 0, err
	}
	return size, nil
}

// putParts sends part, and then r in parts. Nothing of it can be seen before
// the last call.
func (b *Bucket) putParts(ctx context.Context, key, upload string, part *bytes.Buffer,
	r io.Reader) (int64, error) {
	var size int64
	var parts []minio.CompletePart
	for n := int64(part.Len()); n > 0; {
		done, err := b.core.PutObjectPart(ctx, b.name, key, upload, len(parts)+1,
			bytes.NewReader(part.Bytes()), n,
			minio.PutObjectPartOptions{Sha256Hex: sum(part), DisableContentSha256: true})
		if err != nil {
			return 0, err
		}
		parts = append(parts, minio.CompletePart{PartNumber: len(parts) + 1, ETag: done.ETag})
		size += n
		part.Reset()
		if n, err = io.CopyN(part, r, partSize); err != nil && err != io.EOF {
			return 0, err
		}
	}
	_, err := b.core.CompleteMultipartUpload(ctx, b.name, key, upload, parts, minio.PutObjectOptions{})
	return size, err
}

// sum is what a request is signed with, so that the server refuses bytes that
// changed on the way. The client would rather sign an HTTP body piece by piece,
// which not every server understands.
func sum(part *bytes.Buffer) string {
	hash := sha256.Sum256(part.Bytes())
	return hex.EncodeToString(hash[:])
}

// Open opens a blob for reading from its start, or returns ErrNotFound.
func (b *Bucket) Open(ctx context.Context, id string) (*Blob, error) {
	if err := b.checkID(id); err != nil {
		return nil, err
	}
	o, err := b.core.StatObject(ctx, b.name, b.prefix+id, minio.StatObjectOptions{})
	if err != nil {
		return nil, failed("open", id, judged(err))
	}
	return &Blob{Info{id, o.Size, o.LastModified},
		&object{ctx: ctx, bucket: b, key: o.Key, etag: o.ETag, size: o.Size}}, nil
}

// Stat returns what is known of a blob, or ErrNotFound.
func (b *Bucket) Stat(ctx context.Context, id string) (Info, error) {
	if err := b.checkID(id); err != nil {
		return Info{}, err
	}
	o, err := b.core.StatObject(ctx, b.name, b.prefix+id, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, failed("look at", id, judged(err))
	}
	return Info{id, o.Size, o.LastModified}, nil
}

// Delete removes a blob. It is no error if there is none.
func (b *Bucket) Delete(ctx context.Context, id string) error {
	if err := b.checkID(id); err != nil {
		return err
	}
	if err := b.core.RemoveObject(ctx, b.name, b.prefix+id,
		minio.RemoveObjectOptions{}); err != nil && !isGone(err) {
		return failed("delete", id, judged(err))
	}
	return nil
}

// Old walks over the blobs that were stored before the time, in no particular
// order. They may be deleted on the way. An error ends the walk.
func (b *Bucket) Old(ctx context.Context, before time.Time) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the client's walk too
		for o := range b.core.ListObjectsIter(ctx, b.name,
			minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
			if o.Err != nil {
				yield(Info{}, fmt.Errorf("list blobs: %w", judged(o.Err)))
				return
			}
			id := o.Key[len(b.prefix):]
			if b.checkID(id) != nil || !o.LastModified.Before(before) {
				continue
			}
			if !yield(Info{id, o.Size, o.LastModified}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, fmt.Errorf("list blobs: %w", err))
		}
	}
}

// isGone reports whether the server says that there is no such thing.
func isGone(err error) bool {
	switch minio.ToErrorResponse(err).Code {
	case minio.NoSuchKey, minio.NoSuchUpload:
		return true
	}
	return false
}

// judged gives the server's errors the names of this package.
func judged(err error) error {
	if isGone(err) {
		return ErrNotFound
	}
	if r := minio.ToErrorResponse(err); r.StatusCode == http.StatusInsufficientStorage ||
		r.Code == "QuotaExceeded" || r.Code == "XMinioStorageFull" {
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return err
}
