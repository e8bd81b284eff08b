package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// line checks one line of text of min to max characters and returns it without
// outer and double spaces.
func line(field, text string, min, max int) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}) {
		return "", invalid(field, "a %s has no control characters", field)
	}
	switch n := utf8.RuneCountInString(text); {
	case n < min:
		return "", invalid(field, "a %s has at least %d characters", field, min)
	case n > max:
		return "", invalid(field, "a %s has at most %d characters", field, max)
	}
	return text, nil
}

// shorten cuts text to at most n bytes of valid UTF-8 without control
// characters.
func shorten(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// fileName is a name that is safe to show and to save under.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
			strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.Trim(name, ". ")
	for len(name) > 200 {
		_, n := utf8.DecodeRuneInString(name)
		name = name[n:] // the end tells what it is
	}
	if name == "" {
		return "file"
	}
	return name
}

func (s *Service) messageText(text string) (string, error) {
	if len(text) > s.Limits.Message {
		return "", &Error{Code: CodeTooLarge, Field: "text",
			Message: fmt.Sprintf("a message has at most %d bytes: send it in parts", s.Limits.Message)}
	}
	if !utf8.ValidString(text) {
		return "", invalid("text", "a message is UTF-8 text")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' ||
			r == 0x7f
	}) {
		return "", invalid("text", "a message has no control characters but line breaks and tabs")
	}
	if strings.TrimSpace(text) == "" {
		return "", invalid("text", "a message is not empty")
	}
	return text, nil
}
