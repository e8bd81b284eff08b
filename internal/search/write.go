package search

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

const low = chat.PlaceBits

// place is a message's number in the order of all messages: its time in
// milliseconds, then its number in its room, then something of the room. Every
// node comes to the same, but for two messages of one millisecond that agree in
// all of it.
func place(m *chat.Message) int64 {
	return m.At.UnixMilli()<<low | m.No&(1<<10-1)<<10 | int64(sum(string(m.Room))&(1<<10-1))
}

func sum(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// What filters look for in the column f. Ids are hashed, as they may be of any
// letters; the service compares what is found with the query.
const (
	anyMessage, withLink, withFile, pinned, inThread = "x", "l", "a", "p", "t"
)

func author(u chat.UserID) string    { return "u" + strconv.FormatUint(sum(string(u)), 36) }
func mentioned(u chat.UserID) string { return "m" + strconv.FormatUint(sum(string(u)), 36) }
func ofRoom(num int64) string        { return "r" + strconv.FormatInt(num, 36) }
func ofHome(num int64) string        { return "h" + strconv.FormatInt(num, 36) }

// filters are the words of the column f.
func (r *room) filters(m *chat.Message) string {
	all := []string{anyMessage, author(m.From), ofHome(r.home)}
	if r.home != r.num {
		all = append(all, ofRoom(r.num), inThread)
	}
	for _, u := range m.Mentions {
		all = append(all, mentioned(u))
	}
	if m.HasLink() {
		all = append(all, withLink)
	}
	if len(m.Files) > 0 {
		all = append(all, withFile)
	}
	if !m.PinnedAt.IsZero() {
		all = append(all, pinned)
	}
	return strings.Join(all, " ")
}

// put indexes a message as it is now. The lane is held.
func (x *Index) put(r *room, m *chat.Message) error {
	if m.Deleted() {
		return x.remove(r, m.No)
	}
	inside, err := x.inside(r, m)
	if err != nil {
		return err
	}
	terms := termsOf(strings.Join(append([]string{m.Words()}, inside...), "\n"))
	text, filters := document(terms), r.filters(m)
	is := int64(sum(text) ^ sum("\x00"+filters))
	var id, was int64
	ok, err := x.one("SELECT id, sum FROM docs WHERE room = ? AND no = ?", []any{r.num, m.No}, &id, &was)
	if err != nil || ok && was == is && id>>low == m.At.UnixMilli() {
		return err
	}
	if ok {
		if err := x.removeDocs(r, m.No-1, m.No); err != nil {
			return err
		}
	}
	for id = place(m); ; id++ {
		var other int64
		taken, err := x.one("SELECT id FROM docs WHERE id = ?", []any{id}, &other)
		if err != nil {
			return err
		}
		if !taken {
			break
		}
	}
	if err := x.exec("INSERT INTO docs (id, room, no, sum) VALUES (?, ?, ?, ?)", id, r.num, m.No,
		is); err != nil {
		return err
	}
	if err := x.exec("INSERT INTO words (rowid, text, f) VALUES (?, ?, ?)", id, text, filters); err != nil {
		return err
	}
	return x.learn(terms)
}

// remove takes a message out. The lane is held.
func (x *Index) remove(r *room, no int64) error { return x.removeAll(r, no-1, no) }

// removeAll takes out the messages of a room with numbers above after, up to
// last. The lane is held.
func (x *Index) removeAll(r *room, after, last int64) error {
	if err := x.removeDocs(r, after, last); err != nil {
		return err
	}
	return x.exec("DELETE FROM inside WHERE "+numbered, r.num, after, last)
}

const numbered = "room = ? AND no > ? AND no <= ?"

// removeDocs leaves the text inside their files.
func (x *Index) removeDocs(r *room, after, last int64) error {
	if err := x.exec("DELETE FROM words WHERE rowid IN (SELECT id FROM docs WHERE "+numbered+")", r.num,
		after, last); err != nil {
		return err
	}
	return x.exec("DELETE FROM docs WHERE "+numbered, r.num, after, last)
}
