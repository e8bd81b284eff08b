package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/internal/search"
)

// SearchConfig says whether this node answers searches, and where its index is.
type SearchConfig struct {
	Search    string // "on" or "off"
	SearchDir string // empty for the data's own directory; with Redis, one that is deleted at the end
}

// searchRest is how many times as long as it has worked the index rests.
const searchRest = 9

// openIndex is the index of a node and what else is to be closed with it.
type openIndex struct {
	*search.Index
	temporary string // the directory to delete; empty for none
}

// OpenSearch opens the node's search index, and says where it is. Closing the
// core closes it. Call it once, after Prepare.
func (c *Core) OpenSearch(ctx context.Context, s SearchConfig) (string, error) {
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
	open.Index, err = search.Open(ctx, search.Config{Dir: dir, ID: c.id, Store: c.Store, Log: c.Log,
		Rest: searchRest})
	if err != nil {
		if open.temporary != "" {
			err = errors.Join(err, os.RemoveAll(open.temporary))
		}
		return "", &SettingError{Setting: "SearchDir", Err: err}
	}
	c.search, c.Service.Index = &open, open.Index
	return dir + where, nil
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
