package chat

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
	all := make(map[string]shortcode, 3000)
	for line := range strings.Lines(shortcodeList) {
		if f := strings.Fields(line); len(f) >= 2 {
			all[f[0]] = shortcode{emoji: f[1], tones: len(f) > 2}
		}
	}
	return all
})

// EmojiByCode returns the emoji of a short code without its colons, such as
// tada: the codes of Slack and GitHub, which the web client knows too. The tone
// is a skin tone, U+1F3FB to U+1F3FF, or 0 for none.
func EmojiByCode(code string, tone rune) (emoji string, ok bool) {
	c, ok := shortcodes()[code]
	if !ok || tone == 0 || !c.tones {
		return c.emoji, ok
	}
	_, size := utf8.DecodeRuneInString(c.emoji)
	rest := strings.TrimPrefix(c.emoji[size:], string(emojiStyle))
	return c.emoji[:size] + string(tone) + rest, true
}

// atCode is a short code as apps write it: tada, :tada:, wave::skin-tone-3 or
// :wave::skin-tone-3:.
var atCode = regexp.MustCompile(`^(:?)([^:]{1,60}):?(?::skin-tone-([2-6]):?)?$`)

// parseEmoji returns the one form in which an emoji is kept, from any of its
// forms or a short code. A single letter without colons is a letter.
func parseEmoji(text string) (emoji string, ok bool) {
	if emoji, ok = normalEmoji(text); ok {
		return emoji, true
	}
	m := atCode.FindStringSubmatch(text)
	if m == nil || m[1] == "" && len(m[2]) < 2 {
		return "", false
	}
	var tone rune
	if m[3] != "" {
		tone = '\U0001F3FB' + rune(m[3][0]-'2')
	}
	if emoji, ok = EmojiByCode(m[2], tone); !ok {
		return "", false
	}
	return normalEmoji(emoji)
}
