package incoming

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
)

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
		if emoji, ok := chat.EmojiByCode(m[1], tone); ok {
			out.WriteString(text[done:i] + emoji)
			codeEnd = i + len(m[0])
			done = codeEnd
			i = codeEnd - 1
		}
	}
	return out.String() + text[done:]
}
