package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/internal/chat"
)

// Names folds names so that those that look alike have the same key.
//
// A name consists of letters, marks and digits, with single spaces and - _ . '
// in between. Its letters are of one script, or of the mixtures that Japanese,
// Korean and Chinese are written with (the "highly restrictive" level of
// Unicode Technical Standard 39). The key is the name in compatibility form,
// case folded, with letters of other scripts that look like Latin ones turned
// into those, 0 into o and 1 into l. Not caught: I and l, rn and m, whose
// collisions would forbid names that people have (Ian and Lan).
type Names struct{}

// reserved cannot be anybody's: they address many, or look like the server
// speaking.
var reserved = map[string]bool{"here": true, "room": true, "all": true, "everyone": true,
	"channel": true, "system": true, "parley": true}

func bad(message string) error {
	return &chat.Error{Code: chat.CodeInvalid, Field: "name", Message: message}
}

// Fold returns the name as it is shown and its key.
func (Names) Fold(name string) (shown, key string, err error) {
	if len(name) > 1024 {
		return "", "", bad("this name is far too long")
	}
	shown = norm.NFKC.String(strings.Join(strings.Fields(name), " "))
	if shown == "" {
		return "", "", bad("a name is not empty")
	}
	scripts := map[string]bool{}
	before := ' '
	for i, r := range shown {
		switch {
		case unicode.IsLetter(r):
			scripts[script(r)] = true
		case unicode.IsDigit(r):
		case unicode.Is(unicode.M, r) && i > 0 && before != ' ':
		case strings.ContainsRune(" -_.'’", r) && i > 0 &&
			(!strings.ContainsRune(" -_.'’", before) || r == ' ' && before == '.'):
		default:
			return "", "", bad("a name has letters and digits, with single spaces and - _ . ' between them")
		}
		before = r
	}
	if strings.ContainsRune(" -_'’", before) {
		return "", "", bad("a name ends with a letter, a digit or a full stop")
	}
	delete(scripts, "Common")
	if !together(scripts) {
		return "", "", bad("a name does not mix letters of different scripts")
	}
	key = skeleton(shown)
	if reserved[key] {
		return "", "", bad("this name is reserved: choose another")
	}
	return shown, key, nil
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
