package object

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

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
	if page.Desc {
		s.high = "(" + string(member)
	} else {
		s.low = "(" + string(member)
	}
	return s, nil
}

// holds works for the spans that conditions make: low is inclusive and high
// exclusive.
func (s span) holds(member string) bool { return member >= s.low[1:] && member < s.high[1:] }

// Condition is what a look-up asks of one field. Make it with Eq, Between,
// Less, AtMost, Greater, AtLeast, Prefix or All, and combine it with And, Or
// and Not:
//
//	Eq("team", "core").And(AtLeast("joined", day), Or(Eq("role", "owner"), Not(Eq("tags", "away"))))
//
// Its values are of the field's own type or kind; a number may also be an int
// of any size that fits, and a field that is kept as text also takes a string.
// For a []string field Eq means "holds this tag", and there is no other
// condition on it.
type Condition struct {
	field     string
	op        op
	low, high any
	of        []Condition // what Or and Not are about
	and       []Condition // must hold as well
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
	opOr
	opNot
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

// And: c holds, and all of the others, each on indexed fields too. In a look-up
// c says which part of the index is read, and in which order the records come;
// so let it be the one that the fewest records meet.
func (c Condition) And(others ...Condition) Condition {
	c.and = append(slices.Clip(c.and), others...)
	return c
}

// Or: at least one of these holds. A look-up cannot begin with it, as it has no
// order: All("name").And(Or(…)).
func Or(some ...Condition) Condition { return Condition{op: opOr, of: some} }

// Not: c does not hold, as where its field has no value. A look-up cannot begin
// with it.
func Not(c Condition) Condition { return Condition{op: opNot, of: []Condition{c}} }

// single tells whether the condition is on one field alone.
func (c Condition) single() bool { return c.op != opOr && c.op != opNot && len(c.and) == 0 }

// filter appends to args the condition as find.lua reads it: a member of an
// index within two bounds is "[", low and high, and "&", "|" and "!" stand
// behind what they join.
func (s *schema) filter(c Condition, args []string) (_ []string, err error) {
	switch c.op {
	case opOr, opNot:
		if len(c.of) == 0 {
			return nil, errors.New("Or needs a condition")
		}
		for i, one := range c.of {
			if args, err = s.filter(one, args); err != nil {
				return nil, err
			}
			if i > 0 {
				args = append(args, "|")
			}
		}
		if c.op == opNot {
			args = append(args, "!")
		}
	default:
		span, err := s.spanOf(c)
		if err != nil {
			return nil, err
		}
		args = append(args, "[", span.low[1:], span.high[1:])
	}
	for _, one := range c.and {
		if args, err = s.filter(one, args); err != nil {
			return nil, err
		}
		args = append(args, "&")
	}
	return args, nil
}

// spanOf returns the part of the index that a condition asks for.
func (s *schema) spanOf(where Condition) (span, error) {
	if where.op == opOr || where.op == opNot {
		return span{}, errors.New("Or and Not have no order: begin with a condition on one field, such as All")
	}
	f := s.byName[where.field]
	if f == nil || !f.indexed {
		return span{}, fmt.Errorf("%s has no index on %q", s.typ, where.field)
	}
	return where.span(f)
}

// span returns the members that the condition describes. A member is the
// field's name, a zero byte, the value, a zero byte, the id; within a value a
// zero byte is followed by 0xFF.
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

// after returns the first string that is above all strings with this prefix.
func after(prefix string) string {
	//lint:ignore SA1011 keys are bytes, and 0xff is the greatest of them
	b := []byte(strings.TrimRight(prefix, "\xff"))
	b[len(b)-1]++ // never empty: it begins with a field's name
	return string(b)
}

// sortable encodes the value of a condition as the field's own values are
// encoded.
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

// convert returns value as the field's type; a string for tags and text.
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
