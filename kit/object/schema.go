package object

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Encoding is how a record's fields are kept in its hash.
type Encoding int

const (
	// Hash keeps each field of the struct as a field of the hash.
	Hash Encoding = iota
	// JSON keeps the struct as one JSON document in the hash field "$", and the
	// indexed fields beside it, where the query engine sees them.
	JSON
)

const (
	versionField  = "@v"
	documentField = "$"

	maxIndexed = 1024 // bytes of one indexed string
	maxEntries = 1000 // index entries of one record
	maxID      = 255  // bytes of an id
)

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// schema is what the tags of a struct type say. It never changes after
// newSchema.
type schema struct {
	typ     reflect.Type
	form    Encoding
	key     []int
	version []int // nil if the type has none
	fields  []*field
	byName  map[string]*field
	indexed bool     // some field is indexed or unique
	unique  bool     // some field is unique
	names   []string // what HMGET asks for: the version, then the fields or the document
}

type field struct {
	name    string // in Redis
	goName  string
	index   []int
	codec   codec
	indexed bool
	unique  bool
	text    bool
}

// stored reports whether the field is a field of the hash in this form.
func (f *field) stored(form Encoding) bool {
	return form == Hash || f.indexed || f.unique || f.text
}

// newSchema reads the tags of t. Its errors name the type and the field.
func newSchema(t reflect.Type, form Encoding) (*schema, error) {
	if form != Hash && form != JSON {
		return nil, fmt.Errorf("form %d is neither Hash nor JSON", form)
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	s := &schema{typ: t, form: form, byName: map[string]*field{}, names: []string{versionField}}
	if err := s.read(t, nil); err != nil {
		return nil, err
	}
	if s.key == nil {
		return nil, fmt.Errorf("%s: no field is tagged `redis:\",key\"`", t)
	}
	if form == JSON {
		s.names = append(s.names, documentField)
		return s, nil
	}
	for _, f := range s.fields {
		s.names = append(s.names, f.name)
	}
	return s, nil
}

func (s *schema) read(t reflect.Type, path []int) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), path...), i)
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s.%s: %s", s.typ, sf.Name, fmt.Sprintf(format, args...))
		}
		tag, tagged := sf.Tag.Lookup("redis")
		if tag == "-" {
			continue
		}
		if sf.Anonymous && !tagged && sf.Type.Kind() == reflect.Struct {
			if _, err := codecOf(sf.Type); err != nil {
				if err := s.read(sf.Type, index); err != nil {
					return err
				}
				continue
			}
		}
		if !sf.IsExported() {
			if tagged {
				return fail("is tagged but not exported")
			}
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = sf.Name
		}
		if !nameForm.MatchString(name) {
			return fail("name %q may only hold letters, digits and _, and not begin with a digit", name)
		}
		f := &field{name: name, goName: sf.Name, index: index}
		var key, version bool
		for option := range strings.SplitSeq(options, ",") {
			switch strings.TrimSpace(option) {
			case "":
			case "key":
				key = true
			case "version":
				version = true
			case "index":
				f.indexed = true
			case "unique":
				f.unique = true
			case "text":
				f.text = true
			default:
				return fail("option %q is none of key, version, index, unique, text", option)
			}
		}
		if (key || version) && (f.indexed || f.unique || f.text || key && version) {
			return fail("a key or version has no other option")
		}
		switch {
		case key:
			if sf.Type.Kind() != reflect.String {
				return fail("the key is a string, not %s", sf.Type)
			}
			if s.key != nil {
				return fail("is a second key")
			}
			s.key = index
			continue
		case version:
			if sf.Type.Kind() != reflect.Int64 {
				return fail("the version is an int64, not %s", sf.Type)
			}
			if s.version != nil {
				return fail("is a second version")
			}
			s.version = index
			continue
		}
		if s.byName[name] != nil {
			return fail("name %q is also that of %s", name, s.byName[name].goName)
		}
		if err := s.describe(f, sf); err != nil {
			return fail("%s", err)
		}
		s.byName[name] = f
		if f.stored(s.form) {
			s.fields = append(s.fields, f)
		}
	}
	return nil
}

// describe finds the field's codec and checks that its options suit its type.
func (s *schema) describe(f *field, sf reflect.StructField) error {
	if s.form == JSON {
		if jsonName, _, _ := strings.Cut(sf.Tag.Get("json"), ","); jsonName == "-" && f.stored(JSON) {
			return fmt.Errorf("is indexed but left out of the document by `json:\"-\"`")
		}
		if !f.stored(JSON) {
			return encodable(sf.Type, map[reflect.Type]bool{})
		}
	}
	c, err := codecOf(sf.Type)
	if err != nil {
		return err
	}
	f.codec = c
	if (f.indexed || f.unique) && c.class == classBytes {
		return fmt.Errorf("%s cannot be indexed", sf.Type)
	}
	if f.unique && c.class == classTags {
		return fmt.Errorf("%s cannot be unique", sf.Type)
	}
	if f.text && c.class != classString {
		return fmt.Errorf("text is for strings, not for %s", sf.Type)
	}
	if f.text && f.indexed {
		return fmt.Errorf("is either text or index")
	}
	s.indexed = s.indexed || f.indexed || f.unique
	s.unique = s.unique || f.unique
	return nil
}

// encodable refuses types that encoding/json cannot write.
func encodable(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || t.Implements(jsonMarshaler) || reflect.PointerTo(t).Implements(jsonMarshaler) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("%s has no form in JSON", t)
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return encodable(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			sf := t.Field(i)
			if !sf.IsExported() || sf.Tag.Get("json") == "-" {
				continue
			}
			if err := encodable(sf.Type, seen); err != nil {
				return fmt.Errorf("%s: %w", sf.Name, err)
			}
		}
	}
	return nil
}
