package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/depot"
)

// shelf says where the files are that people send.
type shelf struct {
	Files    string `help:"Where files that people send are kept: a directory, off, or a bucket: s3://HOST/BUCKET/PREFIX?region=R (s3+http:// is not encrypted). Default the folder files in --data; with --store, off." placeholder:"PLACE"`
	FileSize int    `help:"Bytes of a file." default:"52428800"`
	S3Key    string `help:"Access key id for the bucket of --files." placeholder:"ID"`
	S3Secret string `help:"Secret access key for the bucket of --files. Others on this machine see a flag, not a variable." placeholder:"SECRET"`
}

// maxFileSize is what a bucket takes in parts, and more than anybody should send through a chat.
const maxFileSize = 10 << 30

// check returns an error that names each setting that cannot be.
func (s shelf) check() error {
	var bad []error
	if s.FileSize < 1 || s.FileSize > maxFileSize {
		bad = append(bad, fmt.Errorf("--file-size: must be from 1 to %d", int64(maxFileSize)))
	}
	bucket, err := s.bucket()
	switch {
	case err != nil:
		bad = append(bad, err)
	case bucket == nil && (s.S3Key != "" || s.S3Secret != ""):
		bad = append(bad, errors.New("--s3-key, --s3-secret: need a bucket in --files"))
	case bucket != nil && (s.S3Key == "" || s.S3Secret == ""):
		bad = append(bad, errors.New("--files: a bucket needs --s3-key and --s3-secret, best as PARLEY_S3_KEY and PARLEY_S3_SECRET"))
	}
	return errors.Join(bad...)
}

// bucket is what --files says of one; nil if it is something else.
func (s shelf) bucket() (*blob.BucketOptions, error) {
	scheme, _, ok := strings.Cut(s.Files, "://")
	if !ok {
		return nil, nil
	}
	encrypted := map[string]string{"s3": "https://", "s3+http": "http://"}[scheme]
	u, err := url.Parse(s.Files)
	if err != nil || encrypted == "" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("--files: a bucket is like s3://s3.example.com/bucket/prefix?region=eu-central-1; its keys are --s3-key and --s3-secret")
	}
	name, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if name == "" {
		return nil, errors.New("--files: which bucket? s3://" + u.Host + "/BUCKET")
	}
	query := u.Query()
	region := query.Get("region")
	if query.Del("region"); len(query) > 0 {
		return nil, errors.New("--files: a bucket's URL has no other parameter than region")
	}
	if prefix != "" {
		prefix += "/"
	}
	return &blob.BucketOptions{Endpoint: encrypted + u.Host, Region: region, Name: name, Prefix: prefix, Key: s.S3Key, Secret: s.S3Secret}, nil
}

// open opens the place for files, and says where it is. It is nil if there is none.
func (s shelf) open(ctx context.Context, w where) (*depot.Depot, string, error) {
	most := fmt.Sprintf(", at most %.4g MiB each", float64(s.FileSize)/(1<<20))
	bucket, err := s.bucket()
	if err != nil {
		return nil, "", err
	}
	if bucket != nil {
		b, err := blob.OpenBucket(ctx, *bucket)
		if err != nil {
			return nil, "", fmt.Errorf("--files: %w", err)
		}
		return depot.New(b), fmt.Sprintf("bucket %s at %s, under %q", bucket.Name, bucket.Endpoint, bucket.Prefix) + most, nil
	}
	dir := s.Files
	switch {
	case dir == "off":
		return nil, "off", nil
	case dir == "" && w.inRedis():
		return nil, "off. To take some, give all nodes the same --files: a directory that they share, or a bucket.", nil
	case dir == "":
		dir = filepath.Join(w.Data, "files")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", fmt.Errorf("--files: %w", err)
	}
	b, err := blob.OpenDir(dir)
	if err != nil {
		return nil, "", fmt.Errorf("--files: %w", err)
	}
	if w.inRedis() {
		most += ". All nodes must share this directory."
	}
	return depot.New(b), dir + most, nil
}

// keepFiles gives the domain its place for files, and says where that is. Closing the core closes it.
func (c *core) keepFiles(ctx context.Context, s shelf, w where) (string, error) {
	d, place, err := s.open(ctx, w)
	if d != nil {
		c.service.Files, c.service.Limits.File = chat.Depot(d), int64(s.FileSize)
		c.files = d
	}
	return place, err
}
