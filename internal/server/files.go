package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/files"
)

// FilesConfig says where the files are that people send.
type FilesConfig struct {
	// a directory, "off", or a bucket: s3://HOST/BUCKET/PREFIX?region=R. Empty
	// is the folder files in the data, and off with Redis
	Files    string
	FileSize int // bytes of a file
	S3Key    string
	S3Secret string

	FilesTotal int // bytes of all files together; 0 for no limit
}

// maxFileSize is the most that a bucket takes in parts, and more than anyone
// should send through a chat.
const maxFileSize = 10 << 30

// Check returns a joined [SettingError] for each setting that is wrong.
func (f FilesConfig) Check() error {
	var bad []error
	if f.FileSize < 1 || f.FileSize > maxFileSize {
		bad = append(bad, &SettingError{Setting: "FileSize", Err: fmt.Errorf("must be from 1 to %d", int64(maxFileSize))})
	}
	if f.FilesTotal < 0 {
		bad = append(bad, &SettingError{Setting: "FilesTotal", Err: errors.New("must be at least 0")})
	}
	bucket, err := f.bucket()
	switch {
	case err != nil:
		bad = append(bad, err)
	case bucket == nil && (f.S3Key != "" || f.S3Secret != ""):
		bad = append(bad, &SettingError{Setting: "S3Key", Err: errors.New("a key and a secret need a bucket")})
	case bucket != nil && (f.S3Key == "" || f.S3Secret == ""):
		bad = append(bad, &SettingError{Setting: "Files", Err: ErrNoKey})
	}
	return errors.Join(bad...)
}

// ErrNoKey refuses a bucket without a key or a secret.
var ErrNoKey = errors.New("a bucket needs a key and a secret")

// bucket returns the bucket that Files names; nil if it names something else.
func (f FilesConfig) bucket() (*blob.BucketOptions, error) {
	scheme, _, ok := strings.Cut(f.Files, "://")
	if !ok {
		return nil, nil
	}
	encrypted := map[string]string{"s3": "https://", "s3+http": "http://"}[scheme]
	u, err := url.Parse(f.Files)
	if err != nil || encrypted == "" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, &SettingError{Setting: "Files", Err: errors.New(
			"a bucket is like s3://s3.example.com/bucket/prefix?region=eu-central-1; its keys are S3Key and S3Secret")}
	}
	name, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if name == "" {
		return nil, &SettingError{Setting: "Files", Err: errors.New("which bucket? s3://" + u.Host + "/BUCKET")}
	}
	query := u.Query()
	region := query.Get("region")
	if query.Del("region"); len(query) > 0 {
		return nil, &SettingError{Setting: "Files", Err: errors.New("a bucket's URL has no other parameter than region")}
	}
	if prefix != "" {
		prefix += "/"
	}
	return &blob.BucketOptions{Endpoint: encrypted + u.Host, Region: region, Name: name,
		Prefix: prefix, Key: f.S3Key, Secret: f.S3Secret}, nil
}

// Open opens the place for files, and says where it is. It is nil if there is
// none. Folder is where files are kept by default, if anywhere.
func (f FilesConfig) Open(ctx context.Context, folder string) (files.Blobs, string, error) {
	bucket, err := f.bucket()
	if err != nil {
		return nil, "", err
	}
	if bucket != nil {
		b, err := blob.OpenBucket(ctx, *bucket)
		if err != nil {
			return nil, "", &SettingError{Setting: "Files", Err: err}
		}
		return b, fmt.Sprintf("bucket %s at %s, under %q", bucket.Name, bucket.Endpoint, bucket.Prefix), nil
	}
	dir := f.Files
	switch {
	case dir == "off":
		return nil, "off", nil
	case dir == "" && folder == "":
		return nil, "off. To take some, give all nodes the same Files: a directory that they share, or a bucket.", nil
	case dir == "":
		dir = folder
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", &SettingError{Setting: "Files", Err: err}
	}
	b, err := blob.OpenDir(dir)
	if err != nil {
		return nil, "", &SettingError{Setting: "Files", Err: err}
	}
	return b, dir, nil
}

// describe says for people where files are kept, and how much of them. Shared
// says that other nodes use the same files.
func (f FilesConfig) describe(blobs files.Blobs, place string, shared bool) string {
	place += fmt.Sprintf(", at most %.4g MiB each", float64(f.FileSize)/(1<<20))
	if f.FilesTotal > 0 {
		place += fmt.Sprintf(" and %.4g MiB in all", float64(f.FilesTotal)/(1<<20))
	}
	if _, dir := blobs.(*blob.Dir); dir && shared {
		place += ". All nodes must share this directory."
	}
	return place
}

// OpenFiles opens the place for files, and says where it is. Closing the core
// closes it. Call it once, before people come.
func (c *Core) OpenFiles(ctx context.Context, f FilesConfig) (string, error) {
	blobs, place, err := f.Open(ctx, c.Files)
	if blobs == nil {
		return place, err
	}
	d := files.New(blobs)
	c.Service.Files, c.Service.Limits.File, c.Service.Limits.Files = d, int64(f.FileSize), int64(f.FilesTotal)
	c.files, c.blobs = d, blobs
	return f.describe(blobs, place, c.Shared), nil
}
