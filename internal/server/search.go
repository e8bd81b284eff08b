package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/extract"
	"github.com/parley-chat/parley/internal/search"
)

// SearchConfig says whether this node answers searches, and where its index is.
type SearchConfig struct {
	Search    string // "on" or "off"
	SearchDir string // empty for the data's own directory; with Redis, one that is deleted at the end
	// SearchFiles is "on" for the text inside files to be found.
	SearchFiles string
}

// searchRest is how many times as long as it has worked the index rests.
const searchRest = 9

// openIndex is the index of a node and what else is to be closed with it.
type openIndex struct {
	*search.Index
	temporary string // the directory to delete; empty for none
}

// OpenSearch opens the node's search index, and says where it is. Closing the
// core closes it. Call it once, after Prepare. Extract is the command that
// reads the text inside files, as of an [extract.Child].
func (c *Core) OpenSearch(ctx context.Context, s SearchConfig, extract ...string) (string, error) {
	if s.Search == "off" {
		return "off", nil
	}
	dir, where, err := s.SearchDir, "", error(nil)
	open := openIndex{}
	switch {
	case dir == "" && c.Search != "":
		dir = c.Search
	case dir == "":
		if dir, err = search.Temporary(); err != nil {
			return "", &SettingError{Setting: "SearchDir", Err: err}
		}
		open.temporary = dir
		where = ", which is built at each start. To keep it, give a directory of this node with SearchDir."
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", &SettingError{Setting: "SearchDir", Err: err}
	}
	cfg := search.Config{Dir: dir, ID: c.id, Store: c.Store, Log: c.Log, Rest: searchRest}
	if s.SearchFiles == "on" && len(extract) > 0 {
		cfg.Read = c.reader(extract)
	}
	open.Index, err = search.Open(ctx, cfg)
	if err != nil {
		if open.temporary != "" {
			err = errors.Join(err, os.RemoveAll(open.temporary))
		}
		return "", &SettingError{Setting: "SearchDir", Err: err}
	}
	c.search, c.Service.Index = &open, open.Index
	return dir + where, nil
}

// reader returns what reads the text inside files.
func (c *Core) reader(command []string) func(context.Context, chat.File) (string, error) {
	child := extract.Child{Command: command}
	return func(ctx context.Context, f chat.File) (string, error) {
		if c.Service.Files == nil {
			return "", chat.ErrNotFound
		}
		content, err := c.Service.Files.Open(ctx, f.ID, 0)
		if err != nil {
			return "", err
		}
		defer content.Close()
		text, err := child.Text(ctx, f.Name, content)
		if errors.Is(err, extract.ErrStart) {
			err = errors.Join(chat.ErrUnavailable, err)
		}
		return text, err
	}
}

// Close closes the index; nil is closed.
func (o *openIndex) Close() error {
	if o == nil {
		return nil
	}
	err := o.Index.Close()
	if o.temporary != "" {
		err = errors.Join(err, os.RemoveAll(o.temporary))
	}
	return err
}
