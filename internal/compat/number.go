package compat

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	// imported is how the ids of people and rooms begin that were brought from
	// a demo; the demo's number follows.
	imported = "demo-"
	// derived is the smallest number that is derived. Numbers have 53 bits,
	// which JavaScript counts exactly.
	derived = 1 << 52
)

// general is General's id in the demo.
const general = "0"

// number is the number of a person or a room: the demo's own if it was
// imported, else one that follows from the id.
func number(id string) int64 {
	if rest, ok := strings.CutPrefix(id, imported); ok {
		if n, ok := parseNumber(rest); ok && n < derived {
			return n
		}
	}
	sum := sha256.Sum256([]byte(id))
	return derived | int64(binary.BigEndian.Uint64(sum[:8])>>12)
}

// parseNumber takes a number as it is written here: from 1 to 2^53-1, in
// decimal digits without leading zeros.
func parseNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && n < 2*derived && strconv.FormatInt(n, 10) == text
}

func userID(id chat.UserID) string { return strconv.FormatInt(number(string(id)), 10) }

// pairID is the id of a pair's room: the smaller number first.
func pairID(a, b chat.UserID) string {
	m, n := number(string(a)), number(string(b))
	return strconv.FormatInt(min(m, n), 10) + ":" + strconv.FormatInt(max(m, n), 10)
}

// parsePair takes the id of a pair's room.
func parsePair(id string) (a, b int64, ok bool) {
	first, second, ok := strings.Cut(id, ":")
	if !ok {
		return 0, 0, false
	}
	a, ok1 := parseNumber(first)
	b, ok2 := parseNumber(second)
	return a, b, ok1 && ok2 && a < b
}
