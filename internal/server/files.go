package server

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

// Shelf says where the files are that people send.
type Shelf struct {
	// a directory, "off", or a bucket: s3://HOST/BUCKET/PREFIX?region=R. Empty
	// is the folder files in the data, and off with Redis
	Files    string
	FileSize int // bytes of a file
	S3Key    string
	S3Secret string

	FilesTotal int // bytes of all files together; 0 for no limit
}

// maxFileSize is what a bucket takes in parts, and more than anybody should
// send through a chat.
const maxFileSize = 10 << 30

// Check returns a joined [SettingError] for each setting that cannot be.
func (s Shelf) Check() error {
	var bad []error
	if s.FileSize < 1 || s.FileSize > maxFileSize {
		bad = append(bad, &SettingError{"FileSize", fmt.Errorf("must be from 1 to %d", int64(maxFileSize))})
	}
	if s.FilesTotal < 0 {
		bad = append(bad, &SettingError{"FilesTotal", errors.New("must be at least 0")})
	}
	bucket, err := s.bucket()
	switch {
	case err != nil:
		bad = append(bad, err)
	case bucket == nil && (s.S3Key != "" || s.S3Secret != ""):
		bad = append(bad, &SettingError{"S3Key", errors.New("a key and a secret need a bucket")})
	case bucket != nil && (s.S3Key == "" || s.S3Secret == ""):
		bad = append(bad, &SettingError{"Files", ErrNoKey})
	}
	return errors.Join(bad...)
}

// ErrNoKey is what a bucket is refused with that has no key or no secret.
var ErrNoKey = errors.New("a bucket needs a key and a secret")

// bucket is what Files says of one; nil if it is something else.
func (s Shelf) bucket() (*blob.BucketOptions, error) {
	scheme, _, ok := strings.Cut(s.Files, "://")
	if !ok {
		return nil, nil
	}
	encrypted := map[string]string{"s3": "https://", "s3+http": "http://"}[scheme]
	u, err := url.Parse(s.Files)
	if err != nil || encrypted == "" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, &SettingError{"Files",
			errors.New("a bucket is like s3://s3.example.com/bucket/prefix?region=eu-central-1; its keys are S3Key and S3Secret")}
	}
	name, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if name == "" {
		return nil, &SettingError{"Files", errors.New("which bucket? s3://" + u.Host + "/BUCKET")}
	}
	query := u.Query()
	region := query.Get("region")
	if query.Del("region"); len(query) > 0 {
		return nil, &SettingError{"Files", errors.New("a bucket's URL has no other parameter than region")}
	}
	if prefix != "" {
		prefix += "/"
	}
	return &blob.BucketOptions{Endpoint: encrypted + u.Host, Region: region, Name: name,
		Prefix: prefix, Key: s.S3Key, Secret: s.S3Secret}, nil
}

// open opens the place for files, and says where it is. It is nil if there is
// none.
func (s Shelf) open(ctx context.Context, p Place) (*depot.Depot, string, error) {
	most := fmt.Sprintf(", at most %.4g MiB each", float64(s.FileSize)/(1<<20))
	if s.FilesTotal > 0 {
		most += fmt.Sprintf(" and %.4g MiB in all", float64(s.FilesTotal)/(1<<20))
	}
	bucket, err := s.bucket()
	if err != nil {
		return nil, "", err
	}
	if bucket != nil {
		b, err := blob.OpenBucket(ctx, *bucket)
		if err != nil {
			return nil, "", &SettingError{"Files", err}
		}
		return depot.New(b), fmt.Sprintf("bucket %s at %s, under %q", bucket.Name, bucket.Endpoint,
			bucket.Prefix) + most, nil
	}
	dir := s.Files
	switch {
	case dir == "off":
		return nil, "off", nil
	case dir == "" && p.InRedis():
		return nil, "off. To take some, give all nodes the same Files: a directory that they share, or a bucket.", nil
	case dir == "":
		dir = filepath.Join(p.Data, "files")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", &SettingError{"Files", err}
	}
	b, err := blob.OpenDir(dir)
	if err != nil {
		return nil, "", &SettingError{"Files", err}
	}
	if p.InRedis() {
		most += ". All nodes must share this directory."
	}
	return depot.New(b), dir + most, nil
}

// KeepFiles gives the domain its place for files, and says where that is.
// Closing the core closes it. Call it once, before people come.
func (c *Core) KeepFiles(ctx context.Context, s Shelf) (string, error) {
	d, place, err := s.open(ctx, c.place)
	if d != nil {
		c.Service.Files, c.Service.Limits.File, c.Service.Limits.Files = chat.Depot(d),
			int64(s.FileSize), int64(s.FilesTotal)
		c.files = d
	}
	return place, err
}
