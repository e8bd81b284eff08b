package search

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/extract"
)

const (
	insideMost = 256 << 10   // bytes of the text inside the files of one message
	readTries  = 5           // then a file that cannot be reached is left
	readPause  = time.Minute // after one could not be reached
)

// hasText reports whether it is worth reading the text inside a file.
func hasText(f *chat.File) bool {
	kind, _, _ := strings.Cut(f.Type, "/")
	return f.Size <= extract.MaxInput && kind != "image" && kind != "audio" && kind != "video"
}

// inside returns the texts inside the files of a message that were read, notes
// which are to be read, and forgets those of other files. The lane is held.
func (x *Index) inside(r *room, m *chat.Message) ([]string, error) {
	s, err := x.stmt("SELECT file FROM inside WHERE room = ? AND no = ?")
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(r.num, m.No)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for rows.Next() {
		var file string
		if err := rows.Scan(&file); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		known[file] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	texts := make([]string, len(m.Files))
	left := insideMost
	for i := range m.Files {
		f := &m.Files[i]
		if !known[f.ID] {
			if hasText(f) {
				if err := x.exec("INSERT OR IGNORE INTO inside (room, no, file) VALUES (?, ?, ?)", r.num, m.No,
					f.ID); err != nil {
					return nil, err
				}
				select {
				case x.files <- struct{}{}:
				default:
				}
			}
			continue
		}
		delete(known, f.ID)
		if _, err := x.one("SELECT text FROM inside WHERE room = ? AND no = ? AND file = ?",
			[]any{r.num, m.No, f.ID}, &texts[i]); err != nil {
			return nil, err
		}
		texts[i] = upTo(texts[i], &left)
	}
	for file := range known {
		if err := x.exec("DELETE FROM inside WHERE room = ? AND no = ? AND file = ?", r.num, m.No,
			file); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// upTo is a text as far as there is room left for it.
func upTo(text string, left *int) string {
	if len(text) > *left {
		text = strings.ToValidUTF8(text[:*left], "")
	}
	*left -= len(text)
	return text
}

// Inside implements [chat.SearchIndex].
func (x *Index) Inside(ctx context.Context, m *chat.Message) ([]string, error) {
	x.mu.RLock()
	r := x.rooms[m.Room]
	x.mu.RUnlock()
	if r == nil || len(m.Files) == 0 {
		return nil, nil
	}
	texts := make([]string, len(m.Files))
	left := insideMost
	err := x.whole(func() error {
		rows, err := x.read.QueryContext(ctx, "SELECT file, text FROM inside WHERE room = ? AND no = ?",
			r.num, m.No)
		if err != nil {
			return err
		}
		defer rows.Close()
		known := map[string]string{}
		for rows.Next() {
			var file, text string
			if err := rows.Scan(&file, &text); err != nil {
				return err
			}
			known[file] = text
		}
		for i := range m.Files {
			texts[i] = upTo(known[m.Files[i].ID], &left)
		}
		return rows.Err()
	})
	return texts, err
}

// ReadFiles reads what is inside of files, one after the other, until ctx is
// done.
func (x *Index) ReadFiles(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := x.readFile(ctx)
		if more && err == nil {
			continue
		}
		if err != nil && ctx.Err() == nil {
			x.Log.Warn("reading a file for search", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-x.files:
		case <-time.After(readPause):
		}
	}
}

// readFile reads the next file, and reports whether there was one.
func (x *Index) readFile(ctx context.Context) (bool, error) {
	var num, no int64
	var file string
	x.lane.Lock()
	ok := false
	err := x.whole(func() (err error) {
		ok, err = x.one("SELECT room, no, file FROM inside WHERE tries >= 0 ORDER BY tries, room DESC, no DESC LIMIT 1",
			nil, &num, &no, &file)
		return err
	})
	x.lane.Unlock()
	in, _ := x.numbered(num)
	if err != nil || !ok || in == nil {
		return false, err
	}
	m, err := x.message(ctx, in.id, no)
	if err != nil {
		return false, err
	}
	text, failed := "", error(nil)
	for i := range m.Files {
		if m.Files[i].ID == file {
			text, failed = x.Read(ctx, m.Files[i])
		}
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	away := errors.Is(failed, chat.ErrUnavailable)
	if away {
		failed = x.change(ctx, 0, func() error {
			return x.exec("UPDATE inside SET tries = CASE WHEN tries + 1 < ? THEN tries + 1 ELSE -1 END WHERE room = ? AND no = ? AND file = ?",
				readTries, num, no, file)
		})
		return false, errors.Join(failed, chat.ErrUnavailable)
	}
	if failed != nil {
		x.Log.Debug("no text was read from a file", "file", file, "error", failed)
	}
	return true, x.change(ctx, x.Rest, func() error {
		if err := x.exec("UPDATE inside SET text = ?, tries = -1 WHERE room = ? AND no = ? AND file = ?", text, num,
			no, file); err != nil {
			return err
		}
		// As it is now: reading takes a while. What is gone is taken out when
		// the log says so.
		m, err := x.message(ctx, in.id, no)
		if err != nil || m.No == 0 {
			return err
		}
		return x.put(in, &m)
	})
}

// message reads a message; a zero one if it is gone.
func (x *Index) message(ctx context.Context, room chat.RoomID, no int64) (m chat.Message, err error) {
	page, err := x.Store.Messages(ctx, room, chat.Page{From: chat.After, No: no - 1, Limit: 1})
	if err != nil && !errors.Is(err, chat.ErrNotFound) {
		return m, err
	}
	if len(page) == 1 && page[0].No == no {
		m = page[0]
	}
	return m, nil
}
