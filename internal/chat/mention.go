package chat

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxCalls is how many @ of one text are looked at.
	maxCalls = 30
	// maxNameWords is how many words after an @ can be a name.
	maxNameWords = 4
)

// everyone are the words that call a whole room. They are reserved as names.
var everyone = []string{"room", "all", "channel", "everyone", "here"}

// mentions returns whom a text calls by @name, of those who are in the room,
// sorted; [MentionAll] for a whole room.
func (s *Service) mentions(ctx context.Context, who Caller, room RoomID, text string) ([]UserID, error) {
	var found []UserID
	for _, call := range calls(text) {
		if len(call) == 0 {
			continue
		}
		if slices.Contains(everyone, strings.ToLower(call[0])) {
			if mayCallAll(who.User) {
				found = append(found, MentionAll)
			}
			continue
		}
		for n := len(call); n > 0; n-- { // the longest name wins
			name := strings.Join(call[:n], " ")
			user, err := s.named(ctx, room, name)
			if base, whose := strings.CutSuffix(strings.ReplaceAll(name, "’", "'"), "'s"); whose &&
				user == "" && err == nil {
				user, err = s.named(ctx, room, base)
			}
			if err != nil {
				return nil, err
			}
			if user != "" {
				found = append(found, user)
				break
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// named returns the member of the room with that name, or "".
func (s *Service) named(ctx context.Context, room RoomID, name string) (UserID, error) {
	if utf8.RuneCountInString(name) > s.Limits.Name {
		return "", nil
	}
	_, key, err := s.Names.Fold(name)
	if err != nil {
		return "", nil // nobody can be called so
	}
	account, err := s.Store.AccountByName(ctx, key)
	if err == nil {
		_, err = s.Store.Member(ctx, room, account.ID)
	}
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return account.ID, err
}

// calls returns, for each @ in the text that calls somebody, the words behind
// it that may be their name.
func calls(text string) [][]string {
	var all [][]string
	for _, part := range prose(text) {
		before := ' '
		for i, r := range part {
			if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) && len(all) < maxCalls {
				all = append(all, nameWords(part[i+1:]))
			}
			before = r
		}
	}
	return all
}

// nameWords returns the words at the beginning of the text that a name may
// consist of, without the full stop that ends a sentence.
func nameWords(text string) []string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) &&
			!strings.ContainsRune(" -_.'’", r)
	})
	if end >= 0 {
		text = text[:end]
	}
	if strings.HasPrefix(text, " ") {
		return nil
	}
	words := strings.Split(text, " ")
	words = words[:min(len(words), maxNameWords)]
	for i, w := range words {
		if w == "" {
			words = words[:i]
			break
		}
		if trimmed := strings.TrimRight(w, "-_.'’"); trimmed != w {
			words[i] = trimmed
			words = words[:i+1] // a sentence ends here
			break
		}
	}
	return words
}

// prose returns the parts of a markdown text that are not code.
func prose(text string) []string {
	var parts []string
	for {
		start := strings.IndexByte(text, '`')
		if start < 0 {
			return append(parts, text)
		}
		ticks := len(text[start:]) - len(strings.TrimLeft(text[start:], "`"))
		parts = append(parts, text[:start])
		text = text[start+ticks:]
		if end := closing(text, ticks); end >= 0 {
			text = text[end:]
		} else if ticks >= 3 {
			return parts // a fence that is never closed
		}
	}
}

// closing returns where the text goes on after a run of exactly n backticks, -1
// if there is none.
func closing(text string, n int) int {
	for i := 0; i < len(text); {
		at := strings.IndexByte(text[i:], '`')
		if at < 0 {
			return -1
		}
		i += at
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		i += run
		if run == n {
			return i
		}
	}
	return -1
}
