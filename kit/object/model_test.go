package object

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"pgregory.net/rapid"
)

type item struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",version"`
	Color   string    `redis:"color,index"`
	Score   *int      `redis:"score,index"`
	Weight  float64   `redis:"weight,index"`
	Seen    time.Time `redis:"seen,index"`
	Tags    []string  `redis:"tags,index"`
	Email   *string   `redis:"email,unique"`
	Note    *string   `redis:"note"`
}

// spread is item without its unique field, so that it can have partitions.
type spread struct {
	ID      string    `redis:",key"`
	Version int64     `redis:",version"`
	Color   string    `redis:"color,index"`
	Score   *int      `redis:"score,index"`
	Weight  float64   `redis:"weight,index"`
	Seen    time.Time `redis:"seen,index"`
	Tags    []string  `redis:"tags,index"`
	Email   *string   `redis:"email"`
	Note    *string   `redis:"note"`
}

// spreadRepository makes a Repository[spread] look like one of items.
type spreadRepository struct{ *Repository[spread] }

func (r spreadRepository) Save(ctx context.Context, rec *item) error {
	return r.Repository.Save(ctx, (*spread)(rec))
}

func (r spreadRepository) Fetch(ctx context.Context, id string) (*item, error) {
	rec, err := r.Repository.Fetch(ctx, id)
	return (*item)(rec), err
}

func (r spreadRepository) FetchMany(ctx context.Context, ids ...string) ([]*item, error) {
	recs, err := r.Repository.FetchMany(ctx, ids...)
	return asItems(recs), err
}

func (r spreadRepository) Find(ctx context.Context, where Condition, page Page) (Found[item], error) {
	found, err := r.Repository.Find(ctx, where, page)
	return Found[item]{Records: asItems(found.Records), Next: found.Next}, err
}

func asItems(recs []*spread) []*item {
	var items []*item
	for _, rec := range recs {
		items = append(items, (*item)(rec))
	}
	return items
}

type repository interface {
	Save(ctx context.Context, rec *item) error
	Fetch(ctx context.Context, id string) (*item, error)
	FetchMany(ctx context.Context, ids ...string) ([]*item, error)
	Find(ctx context.Context, where Condition, page Page) (Found[item], error)
	Count(ctx context.Context, where Condition) (int64, error)
	Remove(ctx context.Context, id string) error
	Expire(ctx context.Context, id string, life time.Duration) error
	TTL(ctx context.Context, id string) (time.Duration, error)
	Sweep(ctx context.Context, limit int) (int, error)
}

// testModel does random things to a repository, of either form and with one
// partition or three, and to a map, and compares.
func testModel(t *testing.T, client rueidis.Client) {
	rapid.Check(t, func(rt *rapid.T) {
		form := rapid.SampledFrom([]Encoding{Hash, JSON}).Draw(rt, "form")
		prefix := fmt.Sprintf("model:%d", runs.Add(1))
		m := &model{t: rt, ctx: t.Context(), utf8: form == JSON, records: map[string]*item{}}
		var shards []shard
		if rapid.Bool().Draw(rt, "partitions") {
			r := must(NewRepository[spread](client, prefix, Options{Encoding: form, Partitions: 3}))
			m.repo, shards = spreadRepository{r}, r.shards
		} else {
			r := must(NewRepository[item](client, prefix, Options{Encoding: form}))
			m.repo, shards, m.unique = r, r.shards, true
		}
		checkModel(rt, client, m, shards)
	})
}

var runs atomic.Int64

// model is a repository in memory.
type model struct {
	t       *rapid.T
	ctx     context.Context
	repo    repository
	unique  bool
	utf8    bool
	records map[string]*item
	copies  []*item // as they once were, for stale saves
}

var (
	ids  = []string{"a", "ab", "b", "}{", "*", "ü", "a:b", "!index"}
	strs = []string{"", "a", "a\x00", "a\x00b", "a\x01", "ab", "b", "}{*", "ü", "\r\n",
		"@color:{x}", "a\xff", "\xff", "\xff\xff"}
	scores  = []int{-1 << 62, -1, 0, 1, 2, 3, 1 << 62, 1<<62 + 1}
	weights = []float64{-1e300, -1, 0, 0.5, 1, 1e300}
	seens   = []time.Time{{}, time.Unix(-5, 5).UTC(), time.Unix(0, 0).UTC(), time.Unix(1, 1).UTC(),
		time.Unix(1, 2).UTC(), time.Unix(9e9, 0).UTC()}
)

func checkModel(rt *rapid.T, client rueidis.Client, m *model, shards []shard) {
	rt.Repeat(map[string]func(*rapid.T){
		"save": m.save, "save again": m.save, "stale": m.stale, "fetch": m.fetch,
		"fetch many": m.fetchMany,
		"remove":     m.remove, "expire": m.expire, "find": m.find, "find again": m.find,
		"fetch by": m.fetchBy, "sweep": m.sweep,
	})
	// In the end nothing is left of anything.
	for id := range m.records {
		m.check(m.repo.Remove(m.ctx, id), nil)
	}
	_, err := m.repo.Sweep(m.ctx, 1000)
	m.check(err, nil)
	for _, sh := range shards {
		for _, key := range sh.indexes {
			if n, err := client.Do(m.ctx, client.B().Exists().Key(
				key).Build()).AsInt64(); n != 0 || err != nil {
				rt.Fatalf("%s is left (%v)", key, err)
			}
		}
	}
}

func (m *model) check(err, want error) {
	m.t.Helper()
	if !errors.Is(err, want) {
		m.t.Fatalf("%v, not %v", err, want)
	}
}

func (m *model) same(got, want any) {
	m.t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		m.t.Fatalf("-model +repository:\n%s", diff)
	}
}

func (m *model) text(t *rapid.T, label string) string {
	s := rapid.SampledFrom(strs).Draw(t, label)
	if m.utf8 {
		s = strings.ToValidUTF8(s, "?")
	}
	return s
}

func (m *model) draw(t *rapid.T, id string) *item {
	rec := &item{
		ID: id, Color: m.text(t, "color"), Weight: rapid.SampledFrom(weights).Draw(t, "weight"),
		Seen: rapid.SampledFrom(seens).Draw(t, "seen"),
	}
	if rapid.Bool().Draw(t, "has score") {
		rec.Score = ptr(rapid.SampledFrom(scores).Draw(t, "score"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "number of tags") {
		rec.Tags = append(rec.Tags, m.text(t, "tag"))
	}
	if rapid.Bool().Draw(t, "has email") {
		rec.Email = ptr(m.text(t, "email"))
	}
	if rapid.Bool().Draw(t, "has note") {
		rec.Note = ptr(m.text(t, "note"))
	}
	return rec
}

func (m *model) holder(email *string) *item {
	for _, rec := range m.records {
		if email != nil && rec.Email != nil && *rec.Email == *email {
			return rec
		}
	}
	return nil
}

func (m *model) save(t *rapid.T) {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	rec := m.draw(t, id)
	old := m.records[id]
	if old != nil {
		rec.Version = old.Version
	}
	before := rec.Version
	err := m.repo.Save(m.ctx, rec)
	if holder := m.holder(rec.Email); m.unique && holder != nil && holder.ID != id {
		m.check(err, ErrTaken)
		return
	}
	m.check(err, nil)
	if rec.Version <= before {
		t.Fatalf("version went from %d to %d", before, rec.Version)
	}
	if old != nil {
		m.copies = append(m.copies, old)
	}
	m.records[id] = rec
}

func (m *model) stale(t *rapid.T) {
	if len(m.copies) == 0 {
		t.Skip("nothing is stale")
	}
	rec := *rapid.SampledFrom(m.copies).Draw(t, "copy")
	want := ErrNotFound
	if m.records[rec.ID] != nil {
		want = ErrConflict
	}
	m.check(m.repo.Save(m.ctx, &rec), want)
}

func (m *model) fetch(t *rapid.T) {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	rec, err := m.repo.Fetch(m.ctx, id)
	if m.records[id] == nil {
		m.check(err, ErrNotFound)
		return
	}
	m.check(err, nil)
	m.same(rec, m.records[id])
}

func (m *model) fetchMany(t *rapid.T) {
	wanted := rapid.SliceOf(rapid.SampledFrom(ids)).Draw(t, "ids")
	recs, err := m.repo.FetchMany(m.ctx, wanted...)
	m.check(err, nil)
	if len(recs) != len(wanted) {
		t.Fatalf("%d records for %d ids", len(recs), len(wanted))
	}
	for i, id := range wanted {
		m.same(recs[i], m.records[id])
	}
}

func (m *model) forget(id string) {
	m.copies = append(m.copies, m.records[id])
	delete(m.records, id)
}

func (m *model) remove(t *rapid.T) {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	err := m.repo.Remove(m.ctx, id)
	if m.records[id] == nil {
		m.check(err, ErrNotFound)
		return
	}
	m.check(err, nil)
	m.forget(id)
}

// expire lets Redis end a record's life; from then on nothing may answer it.
func (m *model) expire(t *rapid.T) {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	err := m.repo.Expire(m.ctx, id, time.Millisecond)
	if m.records[id] == nil {
		m.check(err, ErrNotFound)
		return
	}
	m.check(err, nil)
	waitGone(t, m.ctx, m.repo, id)
	m.forget(id)
}

func waitGone(t interface{ Fatalf(string, ...any) }, ctx context.Context, repo interface {
	TTL(ctx context.Context, id string) (time.Duration, error)
}, id string) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := repo.TTL(ctx, id); errors.Is(err, ErrNotFound) {
			return
		} else if err != nil || time.Now().After(deadline) {
			t.Fatalf("%s does not expire: %v", id, err)
		}
	}
}

func (m *model) sweep(t *rapid.T) {
	_, err := m.repo.Sweep(m.ctx, rapid.IntRange(1, 3).Draw(t, "limit"))
	m.check(err, nil)
}

func (m *model) fetchBy(t *rapid.T) {
	repo, ok := m.repo.(*Repository[item])
	if !ok {
		t.Skip("no unique field")
	}
	email := m.text(t, "email")
	rec, err := repo.FetchBy(m.ctx, "email", email)
	holder := m.holder(&email)
	if holder == nil {
		m.check(err, ErrNotFound)
		return
	}
	m.check(err, nil)
	m.same(rec, holder)
}

// find reads all pages of a random query and compares them with the model's
// answer.
func (m *model) find(t *rapid.T) {
	where, matches, order := m.query(t)
	if rapid.Bool().Draw(t, "combined") {
		where, matches = m.combine(t, where, matches)
	}
	descend, limit := rapid.Bool().Draw(t, "descend"), rapid.IntRange(1, 4).Draw(t, "limit")
	var want []*item
	for _, rec := range m.records {
		if matches(rec) {
			want = append(want, rec)
		}
	}
	slices.SortFunc(want, func(a, b *item) int {
		n := cmp.Or(order(a, b), cmp.Compare(a.ID, b.ID))
		if descend {
			return -n
		}
		return n
	})
	var got []*item
	page := Page{Limit: limit, Desc: descend}
	for rounds := 0; ; rounds++ {
		found, err := m.repo.Find(m.ctx, where, page)
		m.check(err, nil)
		if len(found.Records) > limit || rounds > 100 {
			t.Fatalf("%d records on a page of %d, round %d", len(found.Records), limit, rounds)
		}
		got = append(got, found.Records...)
		if page.After = found.Next; page.After == "" {
			break
		}
	}
	m.same(got, want)
	if len(where.and) > 0 {
		_, err := m.repo.Count(m.ctx, where)
		if err == nil {
			t.Fatal("combined conditions were counted")
		}
		return
	}
	// The look-up dropped what had expired.
	n, err := m.repo.Count(m.ctx, where)
	m.check(err, nil)
	m.same(int(n), len(want))
}

// combine adds to a condition others, some of them in Or and Not.
func (m *model) combine(t *rapid.T, where Condition, matches func(*item) bool) (Condition, func(*item) bool) {
	for range rapid.IntRange(1, 3).Draw(t, "others") {
		other, meets, _ := m.query(t)
		before := matches
		switch rapid.SampledFrom([]string{"and", "or", "not", "and in not"}).Draw(t, "how") {
		case "and":
			where = where.And(other)
			matches = func(rec *item) bool { return before(rec) && meets(rec) }
		case "or":
			third, meets3, _ := m.query(t)
			where = where.And(Or(other, third))
			matches = func(rec *item) bool { return before(rec) && (meets(rec) || meets3(rec)) }
		case "not":
			where = where.And(Not(other))
			matches = func(rec *item) bool { return before(rec) && !meets(rec) }
		default:
			third, meets3, _ := m.query(t)
			where = where.And(Not(other.And(Not(third))))
			matches = func(rec *item) bool { return before(rec) && !(meets(rec) && !meets3(rec)) }
		}
	}
	return where, matches
}

func (m *model) query(t *rapid.T) (where Condition, matches func(*item) bool, order func(a, b *item) int) {
	switch rapid.SampledFrom([]string{"color", "prefix", "score", "weight", "seen", "tags"}).Draw(t,
		"field") {
	case "color":
		low, high := m.text(t, "low"), m.text(t, "high")
		where, in := ranged(t, "color", low, high, strings.Compare)
		return where, func(rec *item) bool { return in(rec.Color) },
			func(a, b *item) int { return strings.Compare(a.Color, b.Color) }
	case "prefix":
		prefix := m.text(t, "prefix")
		return Prefix("color", prefix), func(rec *item) bool { return strings.HasPrefix(rec.Color, prefix) },
			func(a, b *item) int { return strings.Compare(a.Color, b.Color) }
	case "score":
		pick := rapid.SampledFrom(scores)
		where, in := ranged(t, "score", pick.Draw(t, "low"), pick.Draw(t, "high"), cmp.Compare[int])
		return where, func(rec *item) bool { return rec.Score != nil && in(*rec.Score) },
			func(a, b *item) int { return cmp.Compare(*a.Score, *b.Score) }
	case "weight":
		pick := rapid.SampledFrom(weights)
		where, in := ranged(t, "weight", pick.Draw(t, "low"), pick.Draw(t, "high"), cmp.Compare[float64])
		return where, func(rec *item) bool { return in(rec.Weight) },
			func(a, b *item) int { return cmp.Compare(a.Weight, b.Weight) }
	case "seen":
		pick := rapid.SampledFrom(seens[1:])
		where, in := ranged(t, "seen", pick.Draw(t, "low"), pick.Draw(t, "high"), time.Time.Compare)
		return where, func(rec *item) bool { return !rec.Seen.IsZero() && in(rec.Seen) },
			func(a, b *item) int { return a.Seen.Compare(b.Seen) }
	default:
		tag := m.text(t, "tag")
		return Eq("tags", tag), func(rec *item) bool { return slices.Contains(rec.Tags, tag) },
			func(a, b *item) int { return 0 }
	}
}

// ranged draws a condition on an ordered field and answers it with what it
// means.
func ranged[V any](t *rapid.T, field string, low, high V, compare func(a, b V) int) (Condition,
	func(V) bool) {
	switch rapid.SampledFrom([]op{opEq, opBetween, opLess, opAtMost, opGreater, opAtLeast,
		opAll}).Draw(t, "op") {
	case opEq:
		return Eq(field, low), func(v V) bool { return compare(v, low) == 0 }
	case opBetween:
		return Between(field, low, high),
			func(v V) bool { return compare(v, low) >= 0 && compare(v, high) <= 0 }
	case opLess:
		return Less(field, high), func(v V) bool { return compare(v, high) < 0 }
	case opAtMost:
		return AtMost(field, high), func(v V) bool { return compare(v, high) <= 0 }
	case opGreater:
		return Greater(field, low), func(v V) bool { return compare(v, low) > 0 }
	case opAtLeast:
		return AtLeast(field, low), func(v V) bool { return compare(v, low) >= 0 }
	}
	return All(field), func(V) bool { return true }
}
