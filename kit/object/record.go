package object

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// dump is a record on its way to Redis.
type dump struct {
	version string // '' if the type has none
	sets    []string
	clears  []string
	entries string // packed as entries.lua reads it
}

func (s *schema) dump(v reflect.Value) (dump, error) {
	d := dump{sets: make([]string, 0, 2*len(s.fields)+2)}
	if s.version != nil {
		version := v.FieldByIndex(s.version).Int()
		if version < 0 {
			return d, fmt.Errorf("version %d is negative", version)
		}
		d.version = strconv.FormatInt(version, 10)
	}
	if s.form == JSON {
		doc, err := marshal(v)
		if err != nil {
			return d, err
		}
		d.sets = append(d.sets, documentField, doc)
	}
	var packed []byte
	count := 0
	for _, f := range s.fields {
		value, ok := f.codec.value(v.FieldByIndex(f.index))
		if !ok {
			d.clears = append(d.clears, f.name)
			continue
		}
		text, err := f.codec.encode(value)
		if err == nil && (f.indexed || f.unique) {
			packed, count, err = f.pack(packed, count, value)
		}
		if err != nil {
			return d, fmt.Errorf("field %s: %w", f.goName, err)
		}
		d.sets = append(d.sets, f.name, text)
	}
	if count > maxEntries {
		return d, fmt.Errorf("%d index entries are more than %d", count, maxEntries)
	}
	d.entries = string(packed)
	return d, nil
}

// pack appends what the field leaves in the indexes.
func (f *field) pack(packed []byte, count int, v reflect.Value) ([]byte, int, error) {
	add := func(kind, value string) {
		packed = binary.BigEndian.AppendUint32(packed, uint32(1+len(f.name)+1+len(value)))
		packed = append(packed, kind+f.name+"\x00"+value...)
		count++
	}
	if f.codec.class == classTags {
		seen := map[string]bool{}
		for i := range v.Len() {
			tag, err := sortableString(v.Index(i).String())
			if err != nil {
				return nil, 0, err
			}
			if !seen[tag] {
				seen[tag] = true
				add("i", tag)
			}
		}
		return packed, count, nil
	}
	value, err := f.codec.sortable(v)
	if err != nil {
		return nil, 0, err
	}
	if f.indexed {
		add("i", value)
	}
	if f.unique {
		add("u", value)
	}
	return packed, count, nil
}

// restore sets v from what Redis holds. get returns the value of s.names[i] and
// whether there is one; the version is always there.
func (s *schema) restore(v reflect.Value, id string, get func(i int) (string, bool, error)) error {
	for i, name := range s.names {
		text, ok, err := get(i)
		if err != nil {
			return err
		}
		if i == 0 {
			if err := s.restoreVersion(v, text); err != nil {
				return err
			}
			continue
		}
		switch {
		case s.form == JSON && !ok:
			return errors.New("the record has no document")
		case s.form == JSON:
			version := int64(0)
			if s.version != nil {
				version = v.FieldByIndex(s.version).Int()
			}
			if err := json.Unmarshal([]byte(text), v.Addr().Interface()); err != nil {
				return err
			}
			// The document was written before its version was known.
			if s.version != nil {
				v.FieldByIndex(s.version).SetInt(version)
			}
		case ok:
			f := s.fields[i-1]
			if err := f.codec.decode(v.FieldByIndex(f.index), text); err != nil {
				return fmt.Errorf("field %s: %s: %w", f.goName, name, err)
			}
		}
	}
	v.FieldByIndex(s.key).SetString(id)
	return nil
}

func (s *schema) restoreVersion(v reflect.Value, text string) error {
	if s.version == nil {
		return nil
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("version: %w", err)
	}
	v.FieldByIndex(s.version).SetInt(version)
	return nil
}

// marshal refuses strings that are not UTF-8, which encoding/json would quietly
// change: it writes the six characters \ufffd for a broken byte, and a sound
// U+FFFD as itself.
func marshal(v reflect.Value) (string, error) {
	doc, err := json.Marshal(v.Addr().Interface())
	if err != nil {
		return "", err
	}
	for rest := doc; ; {
		i := bytes.Index(rest, []byte(`\ufffd`))
		if i < 0 {
			return string(doc), nil
		}
		slashes := 0
		for j := i - 1; j >= 0 && rest[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return "", errors.New("a string is not valid UTF-8, which JSON cannot hold")
		}
		rest = rest[i+6:]
	}
}
