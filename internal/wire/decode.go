package wire

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/parley-chat/parley/internal/chat"
)

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 32

// Decode fills into from JSON, strictly: UTF-8, no unknown or duplicate or
// differently cased names, no wrong types, nothing after the value, bounded
// depth. The error is a *chat.Error that says what to do.
func Decode(data []byte, into any) error {
	if err := checkDepth(data); err != nil {
		return err
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		field := shorten(e.JSONPointer.LastToken())
		if field == "" {
			return &chat.Error{Code: chat.CodeInvalid,
				Message: "this is JSON of another type than is asked for"}
		}
		if errors.Is(e.Err, json.ErrUnknownName) {
			return &chat.Error{Code: chat.CodeInvalid, Field: field, Message: "there is no field " + field}
		}
		return &chat.Error{Code: chat.CodeInvalid, Field: field,
			Message: "the field " + field + " has a wrong type or value"}
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok &&
		errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return &chat.Error{Code: chat.CodeInvalid, Field: shorten(e.JSONPointer.LastToken()),
			Message: "a field is given twice"}
	}
	return &chat.Error{Code: chat.CodeInvalid, Message: "this is not valid JSON in UTF-8"}
}

// shorten bounds what an answer repeats of a name that is not ours.
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
				return &chat.Error{Code: chat.CodeInvalid, Message: "this JSON is nested too deep"}
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
