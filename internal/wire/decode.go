package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/parley-chat/parley/internal/chat"
)

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 32

// Decode fills into from JSON, strictly: UTF-8, no unknown or duplicate or
// differently cased names, no wrong types, nothing after the value, bounded
// depth. The error is a *chat.Error that says what to do.
//
// Half of a surrogate pair, such as the \ud83d of a truncated emoji, becomes
// U+FFFD, as in browsers.
func Decode(data []byte, into any) error {
	if err := checkDepth(data); err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return errSyntax
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), lenient)
	if err == nil {
		return checkNull(data, into)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		field := shorten(e.JSONPointer.LastToken())
		if field == "" {
			return &chat.Error{Code: chat.CodeInvalid,
				Message: "This JSON has the wrong type."}
		}
		if errors.Is(e.Err, json.ErrUnknownName) {
			return &chat.Error{Code: chat.CodeInvalid, Field: field, Message: "Unknown field " + field + "."}
		}
		return &chat.Error{Code: chat.CodeInvalid, Field: field,
			Message: "The field " + field + " has a wrong type or value."}
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok &&
		errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return &chat.Error{Code: chat.CodeInvalid, Field: shorten(e.JSONPointer.LastToken()),
			Message: "A field is given twice."}
	}
	return errSyntax
}

// lenient takes half surrogate pairs. The bytes were found to be UTF-8.
var lenient = jsontext.AllowInvalidUTF8(true)

var errSyntax = &chat.Error{Code: chat.CodeInvalid, Message: "This is not valid JSON in UTF-8."}

// DecodeInput is Decode for an action's input, which must have every field that
// is not optional, but for those that are given otherwise. No data is the same
// as {}.
func DecodeInput(data []byte, into any, given ...string) error {
	if len(data) > 0 {
		if err := Decode(data, into); err != nil {
			return err
		}
	}
	return checkMissing(data, into, given)
}

// checkMissing returns an error if a required field is missing. It searches for
// names only of fields with a zero value.
func checkMissing(data []byte, into any, given []string) error {
	v := reflect.ValueOf(into).Elem()
	var fields map[string]jsontext.Value
	for _, f := range required(v.Type()) {
		if !v.Field(f.index).IsZero() || slices.Contains(given, f.name) {
			continue
		}
		if fields == nil && len(data) > 0 {
			if err := json.Unmarshal(data, &fields, lenient); err != nil {
				return err
			}
		}
		if _, has := fields[f.name]; !has {
			return &chat.Error{Code: chat.CodeInvalid, Field: f.name,
				Message: "The field " + f.name + " is missing."}
		}
	}
	return nil
}

type requiredField struct {
	index int
	name  string
}

var requiredFields sync.Map // reflect.Type to []requiredField

// required returns the fields of an input that are not optional.
func required(t reflect.Type) []requiredField {
	if known, ok := requiredFields.Load(t); ok {
		return known.([]requiredField)
	}
	var fields []requiredField
	for i := range t.NumField() {
		name, flags, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !strings.HasPrefix(flags, "omit") {
			fields = append(fields, requiredField{i, name})
		}
	}
	requiredFields.Store(t, fields)
	return fields
}

// checkNull returns an error for null in a field that cannot be null, which
// decoding would silently ignore.
func checkNull(data []byte, into any) error {
	t := reflect.TypeOf(into).Elem()
	if t.Kind() != reflect.Struct || !bytes.Contains(data, []byte("null")) {
		return nil
	}
	var fields map[string]jsontext.Value
	if err := json.Unmarshal(data, &fields, lenient); err != nil || fields == nil {
		return &chat.Error{Code: chat.CodeInvalid,
			Message: "This JSON has the wrong type."}
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		kind := t.Field(i).Type.Kind()
		raw := t.Field(i).Type == reflect.TypeFor[jsontext.Value]()
		if fields[name].Kind() == 'n' && kind != reflect.Pointer && kind != reflect.Interface && !raw {
			return &chat.Error{Code: chat.CodeInvalid, Field: name,
				Message: "The field " + name + " has a wrong type or value."}
		}
	}
	return nil
}

// shorten bounds an unknown name that an error repeats.
func shorten(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), 64)], "")
}

// checkDepth looks at brackets outside strings only; whether they match is the
// decoder's business.
func checkDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return &chat.Error{Code: chat.CodeInvalid, Message: "This JSON is nested too deeply."}
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
