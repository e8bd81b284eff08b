package demoimport

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParse feeds anything that a sorted set can hold to the reader of
// messages: what it takes for one has an author whom the member names, a text
// that can be shown, and a time.
func FuzzParse(f *testing.F) {
	for _, member := range []string{
		`{"from":"1","date":1600000000,"message":"Hi","roomId":"0"}`, `{"from":2,"message":"<b>"}`,
		`{"from":1.5,"message":"x"}`, `{"from":1e300,"message":"x"}`,
		`{"from":-0.0,"message":"\u0000"}`, `{"from":"1","from":"2","message":"\ud800"}`,
		`{"message":"nobody's"}`, `[]`, `null`, "{\"from\":1,\"message\":\"\xff\x1b[2J\"}",
	} {
		f.Add(member, 1_600_000_000.5)
	}
	f.Fuzz(func(t *testing.T, member string, score float64) {
		m, err := parse(member, score)
		if m.member != member {
			t.Fatalf("%q became %q", member, m.member)
		}
		if err != nil {
			return
		}
		var fields struct{ From json.RawMessage }
		if err := json.Unmarshal([]byte(member), &fields); err != nil {
			t.Fatal(err)
		}
		if r, ok := new(big.Rat).SetString(strings.Trim(string(fields.From), `"`)); ok &&
			r.Cmp(new(big.Rat).SetInt64(m.from)) != 0 {
			t.Fatalf("%q is by %d", member, m.from)
		}
		if strings.TrimSpace(m.text) == "" || !utf8.ValidString(m.text) ||
			strings.ContainsFunc(m.text, func(r rune) bool {
				return r < ' ' && r != '\n' &&
					r != '\t' || r == 0x7f
			}) {
			t.Fatalf("%q says %q", member, m.text)
		}
		if m.at.Before(time.UnixMilli(0)) || m.at.Year() > 9999 || m.at.Location() != time.UTC {
			t.Fatalf("score %g is %v", score, m.at)
		}
	})
}
