package search

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"unicode"
	"unicode/utf8"
)

// The vocabulary is every word that was said, once. It tells which words begin
// with a query's word, or have it as a part, so that a search asks FTS5 for
// those: FTS5 reads the whole lists of the words that begin with something, and
// stops early in those of words. And it tells which words differ from one by a
// typing error.

const (
	// saidMost is how many words are remembered to be in the vocabulary.
	saidMost = 100_000
	// wordMost is the longest word in the vocabulary, in bytes.
	wordMost = 64
	// pruneAtOnce is how many words a sweep looks at.
	pruneAtOnce = 300
)

// learn adds words to the vocabulary. The lane is held.
func (x *Index) learn(terms []term) error {
	for _, t := range terms {
		word := t.text
		if x.said[word] || len(word) > wordMost || utf8.RuneCountInString(word) < 2 {
			continue
		}
		if len(x.said) >= saidMost {
			clear(x.said)
		}
		x.said[word] = true
		var have int
		if known, err := x.one("SELECT 1 FROM vocabulary WHERE word = ?", []any{word}, &have); err != nil || known {
			if err != nil {
				return err
			}
			continue
		}
		if err := x.exec("INSERT INTO vocabulary VALUES (?)", word); err != nil {
			return err
		}
		for part := range partsOf(word) {
			if err := x.exec("INSERT OR IGNORE INTO parts VALUES (?, ?)", part, word); err != nil {
				return err
			}
		}
	}
	return nil
}

// partsOf calls yield with the ends of a word that is found by its parts.
func partsOf(word string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !isCompound(word) {
			return
		}
		left := utf8.RuneCountInString(word)
		for i := range word {
			if left < partFrom || i > 0 && !yield(word[i:]) {
				return
			}
			left--
		}
	}
}

// pruneVocabulary takes some words that no message has any more out of the
// vocabulary: the next ones each time.
func (x *Index) pruneVocabulary(ctx context.Context) error {
	return x.change(ctx, x.Rest, func() error {
		rows, err := x.write.QueryContext(ctx, "SELECT word FROM vocabulary WHERE word > ? ORDER BY word LIMIT ?",
			x.prune, pruneAtOnce)
		if err != nil {
			return err
		}
		words, err := allWords(rows)
		if err != nil {
			return err
		}
		for _, word := range words {
			var id int64
			said, err := x.one("SELECT rowid FROM words WHERE words MATCH ? LIMIT 1",
				[]any{`text : "` + word + `"`}, &id)
			if err != nil {
				return err
			}
			if said {
				continue
			}
			delete(x.said, word)
			if err := x.exec("DELETE FROM vocabulary WHERE word = ?", word); err != nil {
				return err
			}
			for part := range partsOf(word) {
				if err := x.exec("DELETE FROM parts WHERE part = ? AND word = ?", part, word); err != nil {
					return err
				}
			}
		}
		if x.prune = ""; len(words) == pruneAtOnce {
			x.prune = words[len(words)-1]
		}
		return nil
	})
}

func allWords(rows *sql.Rows) (all []string, err error) {
	defer rows.Close()
	for rows.Next() {
		var word string
		if err := rows.Scan(&word); err != nil {
			return nil, err
		}
		all = append(all, word)
	}
	return all, rows.Err()
}

// after is the first text that is after all that begin with word.
func after(word string) string { return word + "\U0010ffff" }

const (
	// expandFrom is the shortest word whose beginnings are looked up here.
	// FTS5 has lists for the beginnings of two and three letters.
	expandFrom = 4
	// expandMost is how many words a query's word may stand for, and
	// expandPhrase that of a phrase's last word.
	expandMost, expandPhrase = 200, 50
)

// expand returns the words of the vocabulary that a query's word finds by their
// beginning, and as a part of them if parts are wanted. It returns none if they
// are too many, or if FTS5 has a list for the word.
func (x *Index) expand(ctx context.Context, word string, parts bool, most int) ([]string, error) {
	if utf8.RuneCountInString(word) < expandFrom {
		return nil, nil
	}
	const begin = "SELECT word FROM vocabulary WHERE word >= ? AND word < ? LIMIT ?"
	rows, err := x.read.QueryContext(ctx, begin, word, after(word), most+1)
	if err != nil {
		return nil, err
	}
	words, err := allWords(rows)
	if err != nil || len(words) > most {
		return nil, err
	}
	if parts && utf8.RuneCountInString(word) >= partFrom {
		rows, err := x.read.QueryContext(ctx, "SELECT word FROM parts WHERE part >= ? AND part < ? LIMIT ?", word,
			after(word), most+1)
		if err != nil {
			return nil, err
		}
		more, err := allWords(rows)
		if err != nil {
			return nil, err
		}
		words = append(words, more...)
		slices.Sort(words)
		words = slices.Compact(words)
	}
	if len(words) == 0 {
		words = []string{word} // nothing is found by it
	}
	return words, nil
}

// similarMost is how many words are similar to one, and similarLetters up to
// what length words are corrected.
const (
	similarMost    = 5
	similarLetters = 24
)

// Similar implements [chat.SearchIndex].
func (x *Index) Similar(ctx context.Context, text string) (similar []string, err error) {
	terms := termsOf(text)
	if len(terms) != 1 {
		return nil, nil
	}
	word := []rune(terms[0].text)
	if len(word) < 2 || len(word) > similarLetters || isUnspaced(word[0]) {
		return nil, nil
	}
	err = x.whole(func() error {
		s, err := x.read.PrepareContext(ctx, "SELECT word FROM vocabulary WHERE word >= ? AND word < ? LIMIT 1")
		if err != nil {
			return err
		}
		defer s.Close()
		var begun []string // what only begins so
		for other := range oneEdit(word) {
			var found string
			err := s.QueryRowContext(ctx, other, after(other)).Scan(&found)
			switch {
			case errors.Is(err, sql.ErrNoRows):
			case err != nil:
				return err
			case found == other && !slices.Contains(similar, other):
				similar = append(similar, other)
			case found != other && !slices.Contains(begun, other):
				begun = append(begun, other)
			}
			if len(similar) == similarMost {
				return nil
			}
		}
		similar = append(similar, begun...)
		similar = similar[:min(similarMost, len(similar))]
		return nil
	})
	return similar, err
}

// oneEdit yields what a word may have been meant to be: with two letters
// exchanged, one more, one less, or another one, the likeliest first.
func oneEdit(word []rune) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(word) - 1 {
			if word[i] == word[i+1] {
				continue
			}
			other := slices.Clone(word)
			other[i], other[i+1] = other[i+1], other[i]
			if !yield(string(other)) {
				return
			}
		}
		letters := alphabet(word)
		for i := len(word); i >= 0; i-- {
			for _, l := range letters {
				if !yield(string(slices.Insert(slices.Clone(word), i, l))) {
					return
				}
			}
		}
		for i := len(word) - 1; i >= 0; i-- {
			if !yield(string(slices.Delete(slices.Clone(word), i, i+1))) {
				return
			}
		}
		for i := len(word) - 1; i >= 0; i-- {
			for _, l := range letters {
				if l == word[i] {
					continue
				}
				other := slices.Clone(word)
				if other[i] = l; !yield(string(other)) {
					return
				}
			}
		}
	}
}

// alphabet returns the letters that a word may have been meant to have: the
// small ones of the block of Unicode that its first letter is in.
func alphabet(word []rune) (letters []rune) {
	const block = 0x80
	for r := word[0] &^ (block - 1); r < word[0]&^(block-1)+block; r++ {
		if unicode.IsLetter(r) && unicode.ToLower(r) == r || unicode.Is(unicode.M, r) {
			letters = append(letters, r)
		}
	}
	return letters
}
