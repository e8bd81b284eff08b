package identity

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/internal/chat"
)

// Names folds names so that those that look alike have the same key.
//
// A name consists of words with single spaces and - _ . ' in between. A word
// has the letters, marks and digits that PRECIS (RFC 8264) allows in
// identifiers, of the scripts that Unicode recommends for them (UAX 31, table
// 5): nothing invisible, no fillers, no historic scripts. Its letters are of
// one script, or of the mixtures that Japanese, Korean and Chinese are written
// with (the "highly restrictive" level of Unicode Technical Standard 39). The
// key is the name in compatibility form, case folded, with letters of other
// scripts that look like Latin ones turned into those, 0 into o and 1 into l.
// Its look, see [Names.Look], is of its capitals and of other scripts. Not
// caught: I and l, rn and m, whose collisions would forbid names that people
// have (Ian and Lan).
type Names struct{}

// reserved cannot be anyone's: they address many, or look like the server
// speaking.
var reserved = map[string]bool{"here": true, "room": true, "all": true, "everyone": true,
	"channel": true, "system": true, "parley": true}

// maxMarks is how many combining marks a letter may carry.
const maxMarks = 4

var identifier = precis.NewIdentifier()

func bad(message string) error {
	return &chat.Error{Code: chat.CodeInvalid, Field: "name", Message: message}
}

// Fold returns the name as it is shown and its key. The error says what a name
// must be like.
func (Names) Fold(name string) (shown, key string, err error) {
	if len(name) > 1024 {
		return "", "", bad("This name is far too long.")
	}
	shown = tidy(name)
	if shown == "" {
		return "", "", bad("Enter a name.")
	}
	scripts, zeros := map[string]bool{}, map[rune]bool{}
	before, marks := ' ', 0
	for i, r := range shown {
		switch {
		case unicode.Is(phonetic, r):
			return "", "", bad("A name has no letters of phonetic alphabets.")
		case unicode.IsLetter(r):
			scripts[script(r)] = true
		case unicode.IsDigit(r):
			zeros[zeroOf(r)] = true
			scripts[script(r)] = true
		case unicode.Is(unicode.M, r) && i > 0 && before != ' ':
			scripts[script(r)] = true
			if marks++; marks > maxMarks {
				return "", "", bad("A letter in a name has at most four marks.")
			}
		case strings.ContainsRune(" -_.'’", r) && i > 0 &&
			(!strings.ContainsRune(" -_.'’", before) || r == ' ' && before == '.'):
		default:
			return "", "", bad("A name has letters and digits, with single spaces and - _ . ' between them.")
		}
		if !unicode.Is(unicode.M, r) {
			marks = 0
		}
		before = r
	}
	if strings.ContainsRune(" -_'’", before) {
		return "", "", bad("A name ends with a letter, a digit or a full stop.")
	}
	between := func(r rune) bool { return strings.ContainsRune(" -_.'’", r) }
	for word := range strings.FieldsFuncSeq(shown, between) {
		if _, err := identifier.String(word); err != nil {
			return "", "", bad("A name has no invisible or historic letters.")
		}
	}
	delete(scripts, "Common")
	delete(scripts, "Inherited")
	if len(zeros) > 1 || scripts["Latin"] && len(zeros) > 0 && !zeros['0'] {
		return "", "", bad("A name does not mix digits and letters of different scripts.")
	}
	for s := range scripts {
		if !recommended[s] {
			return "", "", bad("Names cannot be written in this script.")
		}
	}
	if !together(scripts) {
		return "", "", bad("A name does not mix letters of different scripts.")
	}
	key = skeleton(shown)
	if reserved[key] || reserved[Names{}.Look(shown)] {
		return "", "", bad("This name is reserved. Choose another.")
	}
	return shown, key, nil
}

// Key returns the key of a text, which need not be a name that Fold takes: what
// is invisible does not count. No key begins with a slash.
func (Names) Key(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, text[:min(len(text), 1024)])
	return strings.TrimLeft(skeleton(tidy(text)), "/ ")
}

// tidy returns a text in compatibility form with single spaces.
func tidy(text string) string {
	return norm.NFKC.String(strings.Join(strings.Fields(text), " "))
}

// recommended are the scripts in everyday use (UAX 31, table 5).
var recommended = func() map[string]bool {
	all := map[string]bool{}
	for _, s := range strings.Fields(`Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian
		Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Latin
		Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan`) {
		all[s] = true
	}
	return all
}()

// phonetic are the letters that nobody's name is written with: of the
// International Phonetic Alphabet and other transcriptions, but for those that
// the alphabets of African languages have. Many look like other letters.
var phonetic = func() *unicode.RangeTable {
	const african = "ɓɔɖɗəɛɠɣɨɩɲɵʃʉʊʋʒ"
	letters := &unicode.RangeTable{R16: []unicode.Range16{{0x1d00, 0x1dbf, 1}, {0x2c60, 0x2c7f, 1},
		{0xa720, 0xa7ff, 1}, {0xab30, 0xab6f, 1}}}
	for r := '\u0250'; r <= '\u02af'; r++ {
		if !strings.ContainsRune(african, r) {
			letters.R16 = append(letters.R16, unicode.Range16{Lo: uint16(r), Hi: uint16(r), Stride: 1})
		}
	}
	slices.SortFunc(letters.R16, func(a, b unicode.Range16) int { return cmp.Compare(a.Lo, b.Lo) })
	return letters
}()

// zeroOf returns the zero of the decimal digits that r belongs to: they lie
// together, from 0 to 9.
func zeroOf(r rune) rune {
	zero := r
	for unicode.IsDigit(zero-1) && r-zero < 9 {
		zero--
	}
	return zero
}

func script(r rune) string {
	for _, s := range []string{"Latin", "Common", "Inherited", "Cyrillic", "Greek", "Han",
		"Hiragana", "Katakana", "Hangul", "Arabic", "Hebrew"} {
		if unicode.Is(unicode.Scripts[s], r) {
			return s
		}
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "Unknown"
}

// mixtures are the sets of scripts that one name may be written in.
var mixtures = [][]string{{"Latin", "Han", "Hiragana", "Katakana"}, {"Latin", "Han", "Bopomofo"},
	{"Latin", "Han", "Hangul"}}

func together(scripts map[string]bool) bool {
	if len(scripts) <= 1 {
		return true
	}
	for _, mix := range mixtures {
		n := 0
		for _, s := range mix {
			if scripts[s] {
				n++
			}
		}
		if n == len(scripts) {
			return true
		}
	}
	return false
}

// twins maps lower-case letters to the Latin letter or digit that they look
// like, from Unicode's list of confusables.
var twins = strings.NewReplacer(
	// Cyrillic
	"а", "a", "в", "b", "с", "c", "ԁ", "d", "е", "e", "ѐ", "e", "һ", "h", "н", "h", "і", "i", "ј",
	"j", "к", "k", "ӏ", "l", "м", "m", "о", "o", "р", "p",
	"ԛ", "q", "г", "r", "ѕ", "s", "т", "t", "у", "y", "ү", "y", "ѵ", "v", "ԝ", "w", "х", "x", "ь",
	"b", "з", "3",
	// Greek
	"α", "a", "β", "b", "ε", "e", "η", "n", "ι", "i", "κ", "k", "μ", "u", "ν", "v", "ο", "o", "ρ",
	"p", "σ", "o", "τ", "t", "υ", "u", "χ", "x", "ζ", "z", "γ", "y", "ω", "w",
	// Latin beyond ASCII, Armenian, Cherokee and others
	"ı", "i", "ɩ", "i", "ɑ", "a", "ɡ", "g", "ł", "l", "ø", "o", "đ", "d", "ħ", "h", "ƒ", "f", "ʏ",
	"y", "ɴ", "n", "ʀ", "r", "ᴏ", "o", "ᴠ", "v", "ᴡ", "w", "ᴢ", "z", "ꜱ", "s",
	"օ", "o", "ս", "u", "ո", "n", "հ", "h", "ց", "g", "ա", "w", "զ", "q", "ք", "p", "յ", "j", "׀",
	"l", "ו", "i", "ס", "o", "ہ", "o", "ه", "o", "०", "o", "௦", "o", "໐", "o", "๐", "o",
	// Digits and punctuation
	"0", "o", "1", "l", "’", "'",
)

func skeleton(shown string) string {
	folded := cases.Fold().String(norm.NFKC.String(shown))
	return norm.NFC.String(twins.Replace(folded))
}
