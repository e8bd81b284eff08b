package sqlite

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/parley-chat/parley/internal/chat"
)

// readMoves moves read positions. Every send moves its author's position, and
// the rows of members are far apart: writing them with each batch would dirty
// as many pages as there are senders. So the moves of a batch are appended as
// one row of the table read_moves. When there are many, they are folded into
// the table members, each member once. A reader takes the greater of the two
// positions.
//
// Only the writer uses it.
type readMoves struct {
	*conn
	limit   int                 // moves until they are folded
	pending map[memberKey]int64 // what stands in moves and in batch
	batch   []readMove
	written int // moves in the table
}

type readMove struct {
	memberKey
	no, before int64
}

// foldLimit bounds the moves that a reader has to scan.
const foldLimit = 1024

// load reads the state from the database. It also undoes the moves of a failed
// transaction.
func (r *readMoves) load() error {
	*r = readMoves{conn: r.conn, limit: r.limit, pending: map[memberKey]int64{}}
	return eachReadMove(r.conn, func(room, no int64, user []byte) {
		at := memberKey{room, chat.UserID(user)}
		r.pending[at] = max(r.pending[at], no)
		r.written++
	})
}

// move moves a read position forward.
func (r *readMoves) move(at memberKey, no int64) {
	r.batch = append(r.batch, readMove{at, no, r.pending[at]})
	r.pending[at] = no
}

// savepoint returns a point for undo.
func (r *readMoves) savepoint() int { return len(r.batch) }

// undo undoes the moves since a savepoint.
func (r *readMoves) undo(mark int) {
	for i := len(r.batch) - 1; i >= mark; i-- {
		m := r.batch[i]
		r.pending[m.memberKey] = m.before
	}
	r.batch = r.batch[:mark]
}

// flush writes the moves of the batch, and folds them if there are enough or
// all is true.
func (r *readMoves) flush(all bool) error {
	if len(r.batch) > 0 {
		var b []byte
		for _, m := range r.batch {
			b = binary.AppendUvarint(b, uint64(m.room))
			b = binary.AppendUvarint(b, uint64(m.no))
			b = binary.AppendUvarint(b, uint64(len(m.user)))
			b = append(b, m.user...)
		}
		if _, err := r.exec("INSERT INTO read_moves (moves) VALUES (?)", b); err != nil {
			return err
		}
		r.written += len(r.batch)
		r.batch = r.batch[:0]
	}
	if r.written == 0 || r.written < r.limit && !all {
		return nil
	}
	for at, no := range r.pending {
		if _, err := r.exec("UPDATE members SET read_no = ?1 WHERE room = ?2 AND user = ?3 AND read_no < ?1", no, at.room, string(at.user)); err != nil {
			return err
		}
	}
	clear(r.pending)
	r.written = 0
	_, err := r.exec("DELETE FROM read_moves")
	return err
}

var errReadMoves = errors.New("the table read_moves is damaged")

// eachReadMove calls f with every move in the table. User is valid during the
// call.
func eachReadMove(c *conn, f func(room, no int64, user []byte)) error {
	return c.query(context.Background(), func(r row) error {
		for b := r.blob(0); len(b) > 0; {
			var head [3]uint64 // room, no, length of user
			for i := range head {
				v, n := binary.Uvarint(b)
				if n <= 0 {
					return errReadMoves
				}
				head[i], b = v, b[n:]
			}
			if head[2] > uint64(len(b)) {
				return errReadMoves
			}
			f(int64(head[0]), int64(head[1]), b[:head[2]])
			b = b[head[2]:]
		}
		return nil
	}, "SELECT moves FROM read_moves")
}

// readMovesOf returns the newest moved position of a person by room.
func readMovesOf(c *conn, user chat.UserID) (map[int64]int64, error) {
	moves := map[int64]int64{}
	err := eachReadMove(c, func(room, no int64, u []byte) {
		if string(u) == string(user) {
			moves[room] = max(moves[room], no)
		}
	})
	return moves, err
}
