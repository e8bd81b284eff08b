package object

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// Page says which part of a look-up's answer is wanted.
type Page struct {
	Limit int    // records at most; 0 means 50; at most 1000
	After string // Found.Next of the page before; "" begins
	Desc  bool   // from the largest value down
}

// Found is one page of records.
type Found[T any] struct {
	Records []*T
	// Next is the cursor of the page after this one, "" if this is the last.
	// Where records have just expired, or hardly any meets the conditions that
	// And adds, a page may be short, even empty, although Next says that there
	// is more.
	Next string
}

// Find returns the records that meet the condition on an indexed field, ordered
// by (value, id) bytewise, one page at a time and in one round trip. Where
// conditions are combined, the first says the order, and a call passes over a
// thousand records at most that do not meet the others: List goes on by itself.
//
// A page is a moment's truth: every record in it met the condition in the step
// that read it, and none had expired. Between pages a record that moves past
// the cursor may be met twice or not at all.
//
// With more than one partition each is asked for a whole page at the same time.
func (r *Repository[T]) Find(ctx context.Context, where Condition, page Page) (Found[T], error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	found, err := r.findPage(ctx, where, page)
	if err != nil {
		return Found[T]{}, fmt.Errorf("object: find %s by %s: %w", r.schema.typ, where.field, err)
	}
	return found, nil
}

// List is Find for all pages, one round trip for each: it yields the records
// from page.After on, page.Limit at a time. An error is the last that it
// yields, with a nil record.
func (r *Repository[T]) List(ctx context.Context, where Condition, page Page) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for {
			found, err := r.Find(ctx, where, page)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, rec := range found.Records {
				if !yield(rec, nil) {
					return
				}
			}
			if found.Next == "" {
				return
			}
			page.After = found.Next
		}
	}
}

// Count returns how many records meet a condition on one indexed field, in
// one round trip and without reading them. Records that have expired count
// until [Repository.Sweep] or a look-up has come by. With more than one
// partition each is counted at a moment of its own.
func (r *Repository[T]) Count(ctx context.Context, where Condition) (int64, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	span, err := r.schema.spanOf(where)
	if err == nil && !where.single() {
		err = errors.New("Count takes a condition on one field")
	}
	if err != nil {
		return 0, fmt.Errorf("object: count %s by %s: %w", r.schema.typ, where.field, err)
	}
	cmds := make(rueidis.Commands, len(r.shards))
	for i := range r.shards {
		cmds[i] = r.client.B().Zlexcount().Key(r.shards[i].indexes[0]).Min(span.low).Max(span.high).Build()
	}
	var all int64
	for _, answer := range r.client.DoMulti(ctx, cmds...) {
		n, err := answer.AsInt64()
		if err != nil {
			return 0, fmt.Errorf("object: count %s by %s: %w", r.schema.typ, where.field, exec.Unavailable(ctx, err))
		}
		all += n
	}
	return all, nil
}

func (r *Repository[T]) findPage(ctx context.Context, where Condition, page Page) (Found[T], error) {
	span, err := r.schema.spanOf(where)
	if err != nil {
		return Found[T]{}, err
	}
	if page.Limit == 0 {
		page.Limit = 50
	}
	if page.Limit < 1 || page.Limit > 1000 {
		return Found[T]{}, fmt.Errorf("a limit of %d is not between 1 and 1000", page.Limit)
	}
	if span, err = span.from(page); err != nil {
		return Found[T]{}, err
	}
	var filter []string
	for i, one := range where.and {
		if filter, err = r.schema.filter(one, filter); err != nil {
			return Found[T]{}, err
		}
		if i > 0 {
			filter = append(filter, "&")
		}
	}
	descend := "0"
	if page.Desc {
		descend = "1"
	}
	parts := make([]part[T], len(r.shards))
	var wg sync.WaitGroup
	for i := range r.shards {
		ask := func() {
			args := append([]string{r.shards[i].base, span.low, span.high, descend,
				strconv.Itoa(page.Limit), strconv.Itoa(span.id), strconv.Itoa(len(filter))}, filter...)
			args = append(args, r.schema.names...)
			parts[i] = r.part(ctx, exec.Read(ctx, r.find, r.client, r.shards[i].indexes, args))
		}
		if i == len(r.shards)-1 {
			ask()
		} else {
			wg.Go(ask)
		}
	}
	wg.Wait()
	return merge(parts, page)
}

// part is what one partition answered.
type part[T any] struct {
	recs    []*T
	members []string // where each record stands in the index
	next    string   // member to go on after
	err     error
}

func (r *Repository[T]) part(ctx context.Context, answer rueidis.RedisResult) (p part[T]) {
	rows, err := answer.ToArray()
	if err != nil {
		return part[T]{err: exec.Unavailable(ctx, err)}
	}
	if p.next, err = rows[0].ToString(); err != nil {
		return part[T]{err: err}
	}
	for i := 1; i+1 < len(rows); i += 2 {
		member, err1 := rows[i].ToString()
		values, err2 := rows[i+1].ToArray()
		if err := errors.Join(err1, err2); err != nil {
			return part[T]{err: err}
		}
		id := member[strings.LastIndexByte(member, 0)+1:]
		rec, err := r.decode(id, values)
		if err != nil {
			return part[T]{err: fmt.Errorf("%.60q: %w", id, err)}
		}
		p.recs = append(p.recs, rec)
		p.members = append(p.members, member)
	}
	return p
}

// merge puts the partitions' pages in one order and cuts where the order is no
// longer known: no partition has been read past its next.
func merge[T any](parts []part[T], page Page) (found Found[T], err error) {
	order := cmp.Compare[string]
	if page.Desc {
		order = func(a, b string) int { return cmp.Compare(b, a) }
	}
	type row struct {
		member string
		rec    *T
	}
	var rows []row
	cut, more := "", false
	for _, p := range parts {
		if p.err != nil {
			return found, p.err
		}
		for i, rec := range p.recs {
			rows = append(rows, row{p.members[i], rec})
		}
		if p.next != "" && (!more || order(p.next, cut) < 0) {
			cut, more = p.next, true
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return order(a.member, b.member) })
	for i, row := range rows {
		if more && order(row.member, cut) > 0 {
			break
		}
		if i == page.Limit {
			cut, more = rows[i-1].member, true
			break
		}
		found.Records = append(found.Records, row.rec)
	}
	if more {
		found.Next = base64.RawURLEncoding.EncodeToString([]byte(cut))
	}
	return found, nil
}

// FetchBy reads the record that holds a value of a unique field, in one round
// trip; ErrNotFound if none does.
func (r *Repository[T]) FetchBy(ctx context.Context, field string, value any) (*T, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	rec, err := r.fetchBy(ctx, field, value)
	if err == nil && rec == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("object: fetch %s by %s: %w", r.schema.typ, field, err)
	}
	return rec, nil
}

func (r *Repository[T]) fetchBy(ctx context.Context, name string, value any) (*T, error) {
	f := r.schema.byName[name]
	if f == nil || !f.unique {
		return nil, fmt.Errorf("%s has no unique field %q", r.schema.typ, name)
	}
	key, err := f.sortable(value)
	if err != nil {
		return nil, err
	}
	sh := &r.shards[0]
	args := append([]string{sh.base, name + "\x00" + key}, r.schema.names...)
	row, err := exec.Read(ctx, r.claim, r.client, sh.indexes, args).ToArray()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, exec.Unavailable(ctx, err)
	}
	id, err1 := row[0].ToString()
	values, err2 := row[1].ToArray()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return r.decode(id, values)
}
