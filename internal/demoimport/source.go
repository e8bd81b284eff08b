package demoimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// source reads a demo's database, and never writes.
type source struct{ client rueidis.Client }

// person is one of the demo's.
type person struct {
	n              int64
	name, password string
	rooms          []string
	wish, why      string // the name asked for here, and why it is not the demo's
}

// ErrNoDemo is returned for a database without the demo's keys.
var ErrNoDemo = errors.New("there is no redis-chat-demo in this database: it has no total_users")

// mostPeople bounds how many people are looked for: one key may say any number.
const mostPeople = 1_000_000

func (s source) people(ctx context.Context) (int64, error) {
	n, err := s.client.Do(ctx, s.client.B().Get().Key("total_users").Build()).AsInt64()
	if rueidis.IsRedisNil(err) {
		return 0, ErrNoDemo
	}
	if err != nil {
		return 0, fmt.Errorf("read total_users: %w", err)
	}
	if n > mostPeople {
		return 0, fmt.Errorf("total_users is %d: no demo has more than %d people", n, mostPeople)
	}
	return n, nil
}

// person returns the person of that number, nil if there is none.
func (s source) person(ctx context.Context, n int64) (*person, error) {
	key := fmt.Sprintf("user:%d", n)
	replies := s.client.DoMulti(ctx,
		s.client.B().Hmget().Key(key).Field("username", "password").Build(),
		s.client.B().Smembers().Key(key+":rooms").Build())
	fields, err := replies[0].ToArray()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if fields[0].IsNil() {
		return nil, nil
	}
	p := &person{n: n}
	if p.name, err = fields[0].ToString(); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if !fields[1].IsNil() {
		if p.password, err = fields[1].ToString(); err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
	}
	if p.rooms, err = replies[1].AsStrSlice(); err != nil {
		return nil, fmt.Errorf("read %s:rooms: %w", key, err)
	}
	slices.Sort(p.rooms)
	return p, nil
}

// name returns a room's name, "" if it has none.
func (s source) name(ctx context.Context, room string) (string, error) {
	name, err := s.client.Do(ctx, s.client.B().Get().Key("room:"+room+":name").Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the name of room %s: %w", room, err)
	}
	return name, nil
}

// rooms returns the ids of all rooms with messages, also those that are on no
// one's list.
func (s source) rooms(ctx context.Context) (ids []string, err error) {
	for address, node := range s.client.Nodes() {
		for cursor := uint64(0); ; {
			scan, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match("room:*").Count(1000).
				Build()).AsScanEntry()
			if err != nil {
				return nil, fmt.Errorf("look for rooms on %s: %w", address, err)
			}
			for _, key := range scan.Elements {
				if id := strings.TrimPrefix(key, "room:"); !strings.HasSuffix(id, ":name") {
					ids = append(ids, id)
				}
			}
			if cursor = scan.Cursor; cursor == 0 {
				break
			}
		}
	}
	return ids, nil
}

// count returns how many messages a room has.
func (s source) count(ctx context.Context, room string) (int, error) {
	n, err := s.client.Do(ctx, s.client.B().Zcard().Key("room:"+room).Build()).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("count the messages of room %s: %w", room, err)
	}
	return int(n), nil
}

// said is one message as it stands in the demo.
type said struct {
	member string // all of it, as it stands in the sorted set
	from   int64
	text   string
	at     time.Time
}

const page = 500

// messages calls visit with the room's messages, the oldest first. Bad says
// what a message lacks.
func (s source) messages(ctx context.Context, room string, visit func(m said, bad error) error) error {
	for start := int64(0); ; start += page {
		rows, err := s.client.Do(ctx, s.client.B().Zrange().Key("room:"+room).Min(num(start)).Max(
			num(start+page-1)).Withscores().Build()).AsZScores()
		if err != nil {
			return fmt.Errorf("read the messages of room %s: %w", room, err)
		}
		for _, row := range rows {
			m, bad := parse(row.Member, row.Score)
			if err := visit(m, bad); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
	}
}

func parse(member string, score float64) (said, error) {
	m := said{member: member}
	var fields struct {
		From    any     `json:"from"`
		Message *string `json:"message"`
	}
	if err := json.Unmarshal([]byte(member), &fields); err != nil {
		return m, errors.New("it is not JSON")
	}
	switch from := fields.From.(type) {
	case string:
		n, err := strconv.ParseInt(from, 10, 64)
		if err != nil {
			return m, fmt.Errorf("its author %q is no number", from)
		}
		m.from = n
	case float64:
		if from != math.Trunc(from) || math.Abs(from) > 1<<53 {
			return m, fmt.Errorf("its author %g is no number of a person", from)
		}
		m.from = int64(from)
	default:
		return m, errors.New("it has no author")
	}
	if fields.Message != nil {
		m.text = unescape(shown(*fields.Message))
	}
	if strings.TrimSpace(m.text) == "" {
		return m, errors.New("it has no text")
	}
	if score > 1e11 { // in milliseconds, as some versions of the demo have it
		score /= 1000
	}
	if math.IsNaN(score) || score < 0 || score > 253402300799 { // the year 9999
		return m, fmt.Errorf("its time %g is not a time", score)
	}
	m.at = time.UnixMilli(int64(score * 1000)).UTC()
	return m, nil
}

// shown is a text as a message may have it: without control characters, of
// which the demo took all.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// unescape gives back what was written: the demo keeps < and > as &lt and &gt,
// without a semicolon. With one it is what somebody wrote.
func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(s string) string {
		switch s {
		case "&lt":
			return "<"
		case "&gt":
			return ">"
		}
		return s
	})
}

var escaped = regexp.MustCompile("&(?:lt|gt);?")

func num(n int64) string { return strconv.FormatInt(n, 10) }
