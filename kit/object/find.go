package object

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// Page says which part of a look-up's answer is wanted.
type Page struct {
	Limit   int    // records at most; 0 means 50; at most 1000
	After   string // Found.Next of the page before; "" begins
	Descend bool   // from the largest value down
}

// Found is one page of records.
type Found[T any] struct {
	Records []*T
	// Next is the cursor of the page after this one, "" if this is the last. Where records have
	// just expired a page may be short, even empty, although Next says that there is more.
	Next string
}

// Find answers the records that meet the condition on an indexed field, ordered by
// (value, id) bytewise, one page at a time and in one round trip. A page is a moment's truth:
// every record in it met the condition in the step that read it, and none had expired.
// Between pages a record that moves past the cursor may be met twice or not at all.
//
// With more than one partition each is asked for a whole page at the same time.
func (r *Repository[T]) Find(ctx context.Context, where Condition, page Page) (Found[T], error) {
	found, err := r.findPage(ctx, where, page)
	if err != nil {
		return Found[T]{}, fmt.Errorf("object: find %s by %s: %w", r.schema.typ, where.field, err)
	}
	return found, nil
}

func (r *Repository[T]) findPage(ctx context.Context, where Condition, page Page) (Found[T], error) {
	f := r.schema.byName[where.field]
	if f == nil || !f.indexed {
		return Found[T]{}, fmt.Errorf("%s has no index on %q", r.schema.typ, where.field)
	}
	if page.Limit == 0 {
		page.Limit = 50
	}
	if page.Limit < 1 || page.Limit > 1000 {
		return Found[T]{}, fmt.Errorf("a limit of %d is not between 1 and 1000", page.Limit)
	}
	span, err := where.span(f)
	if err != nil {
		return Found[T]{}, err
	}
	if span, err = span.from(page); err != nil {
		return Found[T]{}, err
	}
	descend := "0"
	if page.Descend {
		descend = "1"
	}
	parts := make([]part[T], len(r.shards))
	var wg sync.WaitGroup
	for i := range r.shards {
		ask := func() {
			args := append([]string{r.shards[i].base, span.low, span.high, descend, strconv.Itoa(page.Limit), strconv.Itoa(span.id)}, r.schema.names...)
			parts[i] = r.part(r.find.Exec(ctx, r.client, r.shards[i].indexes, args))
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

func (r *Repository[T]) part(answer rueidis.RedisResult) (p part[T]) {
	rows, err := answer.ToArray()
	if err != nil {
		return part[T]{err: err}
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

// merge puts the partitions' pages in one order and cuts where the order is no longer
// known: no partition has been read past its next.
func merge[T any](parts []part[T], page Page) (found Found[T], err error) {
	order := cmp.Compare[string]
	if page.Descend {
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

// FetchBy reads the record that holds a value of a unique field, in one round trip;
// ErrNotFound if none does.
func (r *Repository[T]) FetchBy(ctx context.Context, field string, value any) (*T, error) {
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
	row, err := r.claim.Exec(ctx, r.client, sh.indexes, args).ToArray()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	id, err1 := row[0].ToString()
	values, err2 := row[1].ToArray()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return r.decode(id, values)
}

// span is a range of the index's members, as ZRANGE BYLEX takes bounds.
type span struct {
	low, high string
	id        int // where in each member the id begins, from 1; 0 if it differs
}

// from moves the bound that a cursor has passed.
func (s span) from(page Page) (span, error) {
	if page.After == "" {
		return s, nil
	}
	member, err := base64.RawURLEncoding.DecodeString(page.After)
	if err != nil || !s.holds(string(member)) {
		return s, ErrBadCursor
	}
	if page.Descend {
		s.high = "(" + string(member)
	} else {
		s.low = "(" + string(member)
	}
	return s, nil
}

// holds works for the spans that conditions make: low is inclusive and high exclusive.
func (s span) holds(member string) bool { return member >= s.low[1:] && member < s.high[1:] }

// Condition is what a look-up asks of one field. Make it with Eq, Between, Less, AtMost,
// Greater, AtLeast, Prefix or All.
//
// Its values are of the field's own type or kind; a number may also be an int of any size that
// fits, and a field that is kept as text also takes a string. For a []string field Eq means
// "holds this tag", and there is no other condition on it.
type Condition struct {
	field     string
	op        op
	low, high any
}

type op int

const (
	opEq op = iota
	opBetween
	opLess
	opAtMost
	opGreater
	opAtLeast
	opPrefix
	opAll
)

// Eq: the field is value.
func Eq(field string, value any) Condition { return Condition{field: field, op: opEq, low: value} }

// Between: low ≤ field ≤ high.
func Between(field string, low, high any) Condition {
	return Condition{field: field, op: opBetween, low: low, high: high}
}

// Less: field < value.
func Less(field string, value any) Condition {
	return Condition{field: field, op: opLess, high: value}
}

// AtMost: field ≤ value.
func AtMost(field string, value any) Condition {
	return Condition{field: field, op: opAtMost, high: value}
}

// Greater: field > value.
func Greater(field string, value any) Condition {
	return Condition{field: field, op: opGreater, low: value}
}

// AtLeast: field ≥ value.
func AtLeast(field string, value any) Condition {
	return Condition{field: field, op: opAtLeast, low: value}
}

// Prefix: the field, a string, begins with prefix, byte for byte.
func Prefix(field, prefix string) Condition {
	return Condition{field: field, op: opPrefix, low: prefix}
}

// All: the field has a value; for reading everything in its order.
func All(field string) Condition { return Condition{field: field, op: opAll} }

// span answers the members that the condition describes. A member is the field's name, a
// zero byte, the value, a zero byte, the id; within a value a zero byte is followed by 0xFF.
func (c Condition) span(f *field) (span, error) {
	root := f.name + "\x00"
	if f.codec.class == classTags && c.op != opEq {
		return span{}, fmt.Errorf("a list of tags has no order: only Eq looks into %s", f.goName)
	}
	s := span{low: "[" + root, high: "(" + f.name + "\x01"}
	if c.op == opPrefix {
		if f.codec.class != classString && f.codec.class != classText {
			return span{}, fmt.Errorf("Prefix is for strings, not for %s", f.goName)
		}
		prefix, err := sortableString(reflect.ValueOf(c.low).String())
		if err != nil {
			return span{}, err
		}
		return span{low: "[" + root + prefix, high: "(" + after(root+prefix)}, nil
	}
	var low, high string
	var err error
	if c.op == opEq || c.op == opBetween || c.op == opGreater || c.op == opAtLeast {
		if low, err = f.sortable(c.low); err != nil {
			return span{}, err
		}
	}
	if c.op == opBetween || c.op == opLess || c.op == opAtMost {
		if high, err = f.sortable(c.high); err != nil {
			return span{}, err
		}
	}
	switch c.op {
	case opEq:
		s.low, s.high = "["+root+low+"\x00", "("+root+low+"\x00\xff"
		s.id = len(s.low)
	case opBetween:
		s.low, s.high = "["+root+low+"\x00", "("+root+high+"\x00\xff"
	case opLess:
		s.high = "(" + root + high + "\x00"
	case opAtMost:
		s.high = "(" + root + high + "\x00\xff"
	case opGreater:
		s.low = "[" + root + low + "\x00\xff"
	case opAtLeast:
		s.low = "[" + root + low + "\x00"
	}
	return s, nil
}

// after answers the first string that is above all strings with this prefix.
func after(prefix string) string {
	b := []byte(strings.TrimRight(prefix, "\xff"))
	b[len(b)-1]++ // never empty: it begins with a field's name
	return string(b)
}

// sortable encodes the value of a condition as the field's own values are encoded.
func (f *field) sortable(value any) (string, error) {
	v, err := f.convert(value)
	if err != nil {
		return "", err
	}
	if f.codec.class == classTags || v.Kind() == reflect.String {
		return sortableString(v.String())
	}
	return f.codec.sortable(v)
}

// convert answers value as the field's type; a string for tags and text.
func (f *field) convert(value any) (reflect.Value, error) {
	v := reflect.ValueOf(value)
	wrong := fmt.Errorf("%T is not a value for %s, which is a %s", value, f.goName, f.codec.typ)
	if !v.IsValid() {
		return v, wrong
	}
	target := reflect.New(f.codec.typ).Elem()
	switch c := f.codec.class; {
	case c == classText && v.Type() == f.codec.typ:
		text, err := f.codec.encode(v)
		return reflect.ValueOf(text), err
	case c == classTags || v.Kind() == reflect.String && (c == classString || c == classText):
		if v.Kind() != reflect.String {
			return v, wrong
		}
		return reflect.ValueOf(v.String()), nil
	case v.Type() == f.codec.typ:
		return v, nil
	case v.CanInt() && c == classInt:
		target.SetInt(v.Int())
		if target.Int() != v.Int() {
			return v, fmt.Errorf("%v does not fit %s, which is a %s", value, f.goName, f.codec.typ)
		}
		return target, nil
	case (v.CanUint() || v.CanInt() && v.Int() >= 0) && c == classUint:
		n := uint64(0)
		if v.CanUint() {
			n = v.Uint()
		} else {
			n = uint64(v.Int())
		}
		target.SetUint(n)
		if target.Uint() != n {
			return v, fmt.Errorf("%v does not fit %s, which is a %s", value, f.goName, f.codec.typ)
		}
		return target, nil
	case v.CanFloat() && c == classFloat:
		// As a float64, so that a bound between two float32 stays where it is.
		return reflect.ValueOf(v.Float()), nil
	case v.CanInt() && c == classFloat:
		return reflect.ValueOf(float64(v.Int())), nil
	case v.Kind() == reflect.Bool && c == classBool:
		target.SetBool(v.Bool())
		return target, nil
	}
	return v, wrong
}
