package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parley-chat/parley/internal/server"
)

// storeFlags say where the data is. They are a [server.StoreConfig] as flags.
type storeFlags struct {
	Data  string `help:"Directory of the data; created if missing." default:"./data" placeholder:"DIR"`
	Store string `help:"Keep everything in Redis instead: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://, or \"redis\" to use REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_PASSWORD." placeholder:"URL"`

	RedisPrefix   string `help:"Prefix of every key in Redis. Chats with different prefixes can share one Redis." default:"parley"`
	RedisWait     int    `help:"Number of replicas that must have a change before it is acknowledged." default:"0"`
	RedisEviction bool   `help:"Start even if Redis evicts keys when it is full (allkeys-*)."`
}

func (f storeFlags) config() server.StoreConfig { return server.StoreConfig(f) }

// check returns an error that names each setting that is wrong.
func (f storeFlags) check() error { return flagged(server.CheckStore(f.config())) }

func checkMaxMessage(n int) error {
	if n < 1 || n > 32<<10 {
		return errors.New("--max-message: must be 1 to 32768: larger messages do not fit into a frame")
	}
	return nil
}

// filesFlags say where the files are that people send. They are a
// [server.FilesConfig] as flags.
type filesFlags struct {
	Files    string `help:"Where to keep uploaded files: a directory, off, or a bucket: s3://HOST/BUCKET/PREFIX?region=R (s3+http:// is not encrypted). Default: the folder files in --data; with --store, off." placeholder:"PLACE"`
	FileSize int    `help:"Maximum size of a file in bytes." default:"52428800"`
	S3Key    string `help:"Access key id for buckets." placeholder:"ID"`
	S3Secret string `help:"Secret access key for buckets. Other users of this machine can see a flag, but not a variable." placeholder:"SECRET"`

	FilesTotal int `help:"Maximum size of all files together in bytes. Beyond it, uploads are refused; 0 for no limit." default:"0"`
}

// check returns an error that names each setting that is wrong.
func (f filesFlags) check() error {
	err := flagged(server.FilesConfig(f).Check())
	if errors.Is(err, server.ErrNoKey) {
		err = fmt.Errorf("%w: --s3-key and --s3-secret, best as PARLEY_S3_KEY and PARLEY_S3_SECRET", err)
	}
	return err
}

// searchFlags say whether this node answers searches. They are a
// [server.SearchConfig] as flags.
type searchFlags struct {
	Search    string `help:"Answer searches: on or off. Each node that does keeps an index of its own." enum:"on,off" default:"on"`
	SearchDir string `help:"Directory of this node's search index. Default: --data; with --store, a temporary directory, so that the index is built at each start." placeholder:"DIR"`

	SearchFiles string `help:"Find the text inside files too (PDF, Office, OpenDocument, HTML, plain text): on or off. A process of its own reads each." enum:"on,off" default:"on"`
}

// previewFlags say whether the server shows what links lead to. They are a
// [server.PreviewConfig] as flags.
type previewFlags struct {
	LinkPreviews string   `help:"Show previews of links in messages: on or off. The server fetches the linked pages from the public web." enum:"on,off" default:"on"`
	LinkAllow    []string `help:"Hosts, addresses or networks, each with or without a port, whose pages get previews although they are private, e.g. wiki.internal or 10.0.0.0/8." placeholder:"CIDR"`
}

// check returns an error that names each setting that is wrong.
func (f previewFlags) check() error { return flagged(server.PreviewConfig(f).Check()) }

// asFlags are names of settings in texts.
var asFlags = strings.NewReplacer("S3Secret", "--s3-secret", "S3Key", "--s3-key", "SearchDir", "--search-dir")

// flagged names settings in an error, which may be joined of several, as the
// operator gives them.
func flagged(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, flagged(one))
		}
		return errors.Join(all...)
	case *server.SettingError:
		return &flagError{"--" + dashed(e.Setting) + ": " + asFlags.Replace(e.Err.Error()), e}
	}
	return err
}

// flagError is an error in the operator's words.
type flagError struct {
	text string
	err  error
}

func (e *flagError) Error() string { return e.text }
func (e *flagError) Unwrap() error { return e.err }
