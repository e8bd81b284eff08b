package cache

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// A record is the string that stands at an entry's key:
//
//	0      kind: pending, value or absent
//	1..16  id: the token of whoever wrote it, or who claimed its refresh
//	17..24 hold: while PTTL is above it (ms), its refresh is claimed
//	25..28 stale: ms at the end of its life in which it is served stale
//	29..30 number of generations
//	31..   the generations, 8 bytes each, then the encoded value
//
// The scripts know the first 25 bytes and nothing else. A pending record ends
// after its id.
const (
	kindPending = 'p'
	kindValue   = 'v'
	kindAbsent  = 'n'

	tokenLen  = 16
	genLen    = 8
	idEnd     = 1 + tokenLen
	holdEnd   = idEnd + 8
	staleEnd  = holdEnd + 4
	headerLen = staleEnd + 2

	// noHold is above every PTTL, and below what a Lua number holds exactly.
	noHold = 1<<53 - 1

	maxTags = math.MaxUint16 - 1
)

var errRecord = errors.New("malformed record")

// record is a parsed entry. gens and payload alias the string they came from.
type record struct {
	kind    byte
	id      string
	hold    time.Duration
	stale   time.Duration
	gens    string
	payload string
}

func parseRecord(s string) (record, error) {
	if len(s) == idEnd && s[0] == kindPending {
		return record{kind: kindPending, id: s[1:idEnd]}, nil
	}
	if len(s) < headerLen || (s[0] != kindValue && s[0] != kindAbsent) {
		return record{}, errRecord
	}
	end := headerLen + int(binary.BigEndian.Uint16([]byte(s[staleEnd:headerLen])))*genLen
	if len(s) < end {
		return record{}, errRecord
	}
	hold := min(binary.BigEndian.Uint64([]byte(s[idEnd:holdEnd])), noHold)
	// As milliseconds noHold would overflow a Duration.
	hold = min(hold, uint64(math.MaxInt64/time.Millisecond))
	return record{
		kind:    s[0],
		id:      s[1:idEnd],
		hold:    time.Duration(hold) * time.Millisecond,
		stale:   time.Duration(binary.BigEndian.Uint32([]byte(s[holdEnd:staleEnd]))) * time.Millisecond,
		gens:    s[headerLen:end],
		payload: s[end:],
	}, nil
}

// rawID returns the id of any record, even of a malformed one, as the scripts
// see it.
func rawID(s string) string {
	if len(s) <= 1 {
		return ""
	}
	return s[1:min(idEnd, len(s))]
}

func pendingRecord(token string) string {
	return string(rune(kindPending)) + token
}

// header returns the start of a value's or an absent record, with room for n
// bytes of payload. hold is in ms.
func header(kind byte, token string, hold uint64, stale time.Duration, gens string, n int) []byte {
	b := make([]byte, 0, headerLen+len(gens)+n)
	b = append(b, kind)
	b = append(b, token...)
	b = binary.BigEndian.AppendUint64(b, hold)
	b = binary.BigEndian.AppendUint32(b, uint32(stale.Milliseconds()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(gens)/genLen))
	return append(b, gens...)
}

// newGeneration returns a generation that no other call returns again: it must
// differ from every earlier one even when Redis lost the key, so it is no
// counter.
func newGeneration() string {
	var b [genLen]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	return string(b[:])
}

// newProcess returns the first half of the tokens of one Cache.
func newProcess() string {
	return newGeneration()
}

// newToken returns a token that no other load ever has.
func (c *Cache[V]) newToken() string {
	var b strings.Builder
	b.Grow(tokenLen)
	b.WriteString(c.process)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], c.tokens.Add(1))
	b.Write(n[:])
	return b.String()
}

func (c *Cache[V]) ownToken(token string) bool {
	return strings.HasPrefix(token, c.process)
}
