package incoming

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// shortcodes.txt is written by web/scripts/shortcodes.mjs.
//
//go:embed shortcodes.txt
var shortcodeList string

// shortcode is an emoji, and whether it comes in skin tones.
type shortcode struct {
	emoji string
	tones bool
}

var shortcodes = sync.OnceValue(func() map[string]shortcode {
	all := make(map[string]shortcode, 2000)
	for line := range strings.Lines(shortcodeList) {
		if f := strings.Fields(line); len(f) >= 2 {
			all[f[0]] = shortcode{emoji: f[1], tones: len(f) > 2}
		}
	}
	return all
})

var atShortcode = regexp.MustCompile(`^:([a-z0-9_+-]{1,60}):(?::skin-tone-([2-6]):)?`)

// emojis replaces the short codes of a text, such as :tada:, by their emoji. A
// code that Slack does not know, such as one of a workspace, stays, and so does
// what looks like one inside a word, a time or an address.
func emojis(text string) string {
	var out strings.Builder
	done, codeEnd := 0, -1
	for i := 0; i < len(text); i++ {
		if text[i] != ':' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		if i != codeEnd && isWord(before) {
			continue
		}
		m := atShortcode.FindStringSubmatch(text[i:])
		if m == nil {
			continue
		}
		var tone rune
		if m[2] != "" {
			tone = '\U0001F3FB' + rune(m[2][0]-'2')
		}
		if emoji, ok := emojiByName(m[1], tone); ok {
			out.WriteString(text[done:i] + emoji)
			codeEnd = i + len(m[0])
			done = codeEnd
			i = codeEnd - 1
		}
	}
	return out.String() + text[done:]
}

// emojiByName returns the emoji of a short code, in a skin tone unless that is
// 0.
func emojiByName(name string, tone rune) (string, bool) {
	code, ok := shortcodes()[name]
	if !ok || tone == 0 || !code.tones {
		return code.emoji, ok
	}
	_, size := utf8.DecodeRuneInString(code.emoji)
	rest := strings.TrimPrefix(code.emoji[size:], "\uFE0F")
	return code.emoji[:size] + string(tone) + rest, true
}
