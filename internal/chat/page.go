package chat

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
	n := itemSize + len(m.Text) + 32*len(m.Mentions) + itemSize*len(m.Files)
	for i := range len(m.Text) {
		switch c := m.Text[i]; {
		case c < ' ', c == '<', c == '>', c == '&':
			n += len(`\u003c`) - 1
		case c == '"', c == '\\':
			n++
		}
	}
	for i := range m.Files {
		n += len(m.Files[i].Name)
	}
	for i := range m.Reactions {
		n += 64 + 32*len(m.Reactions[i].Users)
	}
	return n
}
