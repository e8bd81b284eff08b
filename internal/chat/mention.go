package chat

import (
	"context"
	"errors"
	"iter"
	"regexp"
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
	// maxNameRun is how many characters after an @ are looked at for the end
	// of a name in a script without spaces.
	maxNameRun = 24
	// maxLookups is how many possible names are looked up for one text.
	maxLookups = 250
)

// everyone are the words that mention a whole room. They are reserved as names.
var everyone = []string{"room", "all", "channel", "everyone", "here"}

// mentions returns the members of the room whom a text mentions by @name,
// sorted; [MentionAll] for a whole room. A name that nobody has is still that
// of the person who had it last, until they are renamed again. Code, links,
// quoted lines, e-mail addresses and an escaped \@ mention nobody.
func (s *Service) mentions(ctx context.Context, who Caller, room RoomID, text string) ([]UserID, error) {
	var found []UserID
	known := map[string]UserID{}
	for after := range calls(text) {
		for name := range names(after) { // the longest name wins
			if slices.Contains(everyone, strings.ToLower(name)) {
				may, err := s.mayCallAll(ctx, who.User)
				if err != nil {
					return nil, err
				}
				if may {
					found = append(found, MentionAll)
				}
				break
			}
			user, looked := known[name]
			if !looked {
				if len(known) == maxLookups {
					break
				}
				var err error
				if user, err = s.named(ctx, room, name); err != nil {
					return nil, err
				}
				known[name] = user
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

// named returns the member of the room with that name or former name, or "".
func (s *Service) named(ctx context.Context, room RoomID, name string) (UserID, error) {
	if utf8.RuneCountInString(name) > s.Limits.Name {
		return "", nil
	}
	key := s.Names.Key(name)
	account, err := s.Store.AccountByName(ctx, key)
	if errors.Is(err, ErrNotFound) {
		account, err = s.formerlyNamed(ctx, key)
	}
	if err == nil {
		_, err = s.Store.Member(ctx, room, account.ID)
	}
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return account.ID, err
}

// ats are the signs that a mention may begin with: also the wide and the small
// one of East Asian keyboards.
const ats = "@＠﹫"

// calls returns what follows each @ in the text that may mention someone, up to
// where no name can go on. It is never empty.
func calls(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text := withoutLinks(withoutQuotes(withoutCode(text)))
		for n, from := 0, 0; n < maxCalls; n++ {
			i := strings.IndexAny(text[from:], ats)
			if i < 0 {
				return
			}
			at := from + i
			_, size := utf8.DecodeRuneInString(text[at:])
			from = at + size
			if after := nameRun(text[from:]); after != "" && begins(text, at) &&
				!address.MatchString(text[from:]) && !yield(after) {
				return
			}
		}
	}
}

// begins reports whether a mention can begin with the @ at that place.
func begins(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	switch {
	case at == 0:
		return true
	case before == '/': // a path, unless it is @one/@another
		start := strings.LastIndexAny(text[:at], " \t\n") + 1
		return strings.IndexAny(text[start:], ats) == 0
	case before == '\\' && text[at] == '@': // Markdown escapes only ASCII
		return !escaped(text, at)
	}
	return !inWord(before) && before != rune(hidden[0])
}

// address is what follows the @ of something else than a mention: of a package
// (@scope/name), or of an account elsewhere (@name@host.example and
// @name:host.example).
var address = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9]|` +
	`^[\p{L}\p{N}_.-]+[@:][\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2}`)

// nameRun returns the beginning of the text that can belong to a name.
func nameRun(text string) string {
	if end := strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) &&
			!strings.ContainsRune(" -_.'’", r)
	}); end >= 0 {
		text = text[:end]
	}
	if strings.HasPrefix(text, " ") {
		return ""
	}
	return text
}

// names goes through the names that a text may begin with, the longest first. A
// name ends with a word, without the full stop that ends a sentence; in a
// script without spaces it may end within a word.
func names(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		words := strings.Split(text, " ")
		words = words[:min(len(words), maxNameWords)]
		if i := slices.Index(words, ""); i >= 0 {
			words = words[:i]
		}
		for n := len(words) - 1; n >= 0; n-- {
			before := strings.Join(append(words[:n:n], ""), " ")
			last := strings.TrimRight(words[n], "-_.'’")
			for _, end := range ends(last) {
				name := before + last[:end]
				if !yield(name) {
					return
				}
				base, whose := strings.CutSuffix(strings.ReplaceAll(name, "’", "'"), "'s")
				if whose && !yield(base) {
					return
				}
			}
		}
	}
}

// ends returns where in a word a name may end, the last first.
func ends(word string) []int {
	all, before, n := []int{}, rune(0), 0
	for i, r := range word {
		if i > 0 && !unicode.IsMark(r) && (isUnspaced(before) || isUnspaced(r)) {
			all = append(all, i)
		}
		if before = r; n == maxNameRun {
			break
		}
		n++
	}
	all = append(all, len(word))
	slices.Reverse(all)
	return all
}
