package chat

import (
	"slices"
	"strings"
)

// pageSize bounds the items of one page in bytes of JSON, roughly. The first
// item is there however large it is.
const pageSize = 256 << 10

// itemSize is what an item takes besides the parts that are counted.
const itemSize = 300

// bounded returns as many items around start as a page holds: before it and
// from it on, in turn.
func bounded[T any](items []T, start int, size func(*T) int) []T {
	first, end := start, start
	for left := pageSize; first > 0 || end < len(items); {
		next, before := end, end == len(items) || first > 0 && start-first < end-start
		if before {
			next = first - 1
		}
		left -= size(&items[next])
		if left < 0 && first < end {
			break
		}
		if before {
			first--
		} else {
			end++
		}
	}
	return items[first:end]
}

// size estimates the bytes of m in JSON.
func (m *Message) size() int {
	n := itemSize + textSize(m.Text) + 32*len(m.Mentions) + itemSize*len(m.Files)
	for i := range m.Files {
		n += len(m.Files[i].Name) + textSize(m.Files[i].Alt)
	}
	for i := range m.Reactions {
		n += 64 + 32*len(m.Reactions[i].Users)
	}
	return n
}

// textSize estimates the bytes of a text in JSON.
func textSize(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '<', c == '>', c == '&':
			n += len(`\u003c`) - 1
		case c == '"', c == '\\':
			n++
		}
	}
	return n
}

// brief returns m as a list of rooms shows it when there is no room for more:
// the beginning of its text, one file, and no reactions.
func (m *Message) brief() *Message {
	m = m.Clone()
	if len(m.Text) > briefText {
		m.Text = strings.ToValidUTF8(m.Text[:briefText], "") + "…"
	}
	m.Files, m.Mentions, m.Reactions = m.Files[:min(1, len(m.Files))], nil, nil
	return m
}

const briefText = 200

// boundLast makes the newest messages of views brief, but for the latest of
// them that fit into a page together.
func boundLast(views []RoomView) {
	latest := make([]int, 0, len(views))
	for i := range views {
		if views[i].Last != nil {
			latest = append(latest, i)
		}
	}
	slices.SortFunc(latest, func(a, b int) int {
		return views[b].Last.Cursor().Compare(views[a].Last.Cursor())
	})
	left := pageSize
	for _, i := range latest {
		if left -= views[i].Last.size(); left < 0 {
			views[i].Last = views[i].Last.brief()
		}
	}
}
