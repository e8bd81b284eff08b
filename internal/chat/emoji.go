package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	textStyle  = '\ufe0e' // variation selector: shown as text
	emojiStyle = '\ufe0f' // variation selector: shown as emoji
	keycap     = '\u20e3'
	joiner     = '\u200d'
)

// textEmoji are the emoji that are shown as text unless emojiStyle follows:
// those with the property Emoji and without Emoji_Presentation in Unicode 17,
// but for digits, # and *.
var textEmoji = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0xa9, 0xa9, 1}, {0xae, 0xae, 1}, {0x203c, 0x203c, 1}, {0x2049, 0x2049, 1},
		{0x2122, 0x2122, 1}, {0x2139, 0x2139, 1}, {0x2194, 0x2199, 1}, {0x21a9, 0x21aa, 1},
		{0x2328, 0x2328, 1}, {0x23cf, 0x23cf, 1}, {0x23ed, 0x23ef, 1}, {0x23f1, 0x23f2, 1},
		{0x23f8, 0x23fa, 1}, {0x24c2, 0x24c2, 1}, {0x25aa, 0x25ab, 1}, {0x25b6, 0x25b6, 1},
		{0x25c0, 0x25c0, 1}, {0x25fb, 0x25fc, 1}, {0x2600, 0x2604, 1}, {0x260e, 0x260e, 1},
		{0x2611, 0x2611, 1}, {0x2618, 0x2618, 1}, {0x261d, 0x261d, 1}, {0x2620, 0x2620, 1},
		{0x2622, 0x2623, 1}, {0x2626, 0x2626, 1}, {0x262a, 0x262a, 1}, {0x262e, 0x262f, 1},
		{0x2638, 0x263a, 1}, {0x2640, 0x2640, 1}, {0x2642, 0x2642, 1}, {0x265f, 0x2660, 1},
		{0x2663, 0x2663, 1}, {0x2665, 0x2666, 1}, {0x2668, 0x2668, 1}, {0x267b, 0x267b, 1},
		{0x267e, 0x267e, 1}, {0x2692, 0x2692, 1}, {0x2694, 0x2697, 1}, {0x2699, 0x2699, 1},
		{0x269b, 0x269c, 1}, {0x26a0, 0x26a0, 1}, {0x26a7, 0x26a7, 1}, {0x26b0, 0x26b1, 1},
		{0x26c8, 0x26c8, 1}, {0x26cf, 0x26cf, 1}, {0x26d1, 0x26d1, 1}, {0x26d3, 0x26d3, 1},
		{0x26e9, 0x26e9, 1}, {0x26f0, 0x26f1, 1}, {0x26f4, 0x26f4, 1}, {0x26f7, 0x26f9, 1},
		{0x2702, 0x2702, 1}, {0x2708, 0x2709, 1}, {0x270c, 0x270d, 1}, {0x270f, 0x270f, 1},
		{0x2712, 0x2712, 1}, {0x2714, 0x2714, 1}, {0x2716, 0x2716, 1}, {0x271d, 0x271d, 1},
		{0x2721, 0x2721, 1}, {0x2733, 0x2734, 1}, {0x2744, 0x2744, 1}, {0x2747, 0x2747, 1},
		{0x2763, 0x2764, 1}, {0x27a1, 0x27a1, 1}, {0x2934, 0x2935, 1}, {0x2b05, 0x2b07, 1},
		{0x3030, 0x3030, 1}, {0x303d, 0x303d, 1}, {0x3297, 0x3297, 1}, {0x3299, 0x3299, 1},
	},
	R32: []unicode.Range32{
		{0x1f170, 0x1f171, 1}, {0x1f17e, 0x1f17f, 1}, {0x1f202, 0x1f202, 1}, {0x1f237, 0x1f237, 1},
		{0x1f321, 0x1f321, 1}, {0x1f324, 0x1f32c, 1}, {0x1f336, 0x1f336, 1}, {0x1f37d, 0x1f37d, 1},
		{0x1f396, 0x1f397, 1}, {0x1f399, 0x1f39b, 1}, {0x1f39e, 0x1f39f, 1}, {0x1f3cb, 0x1f3ce, 1},
		{0x1f3d4, 0x1f3df, 1}, {0x1f3f3, 0x1f3f3, 1}, {0x1f3f5, 0x1f3f5, 1}, {0x1f3f7, 0x1f3f7, 1},
		{0x1f43f, 0x1f43f, 1}, {0x1f441, 0x1f441, 1}, {0x1f4fd, 0x1f4fd, 1}, {0x1f549, 0x1f54a, 1},
		{0x1f56f, 0x1f570, 1}, {0x1f573, 0x1f579, 1}, {0x1f587, 0x1f587, 1}, {0x1f58a, 0x1f58d, 1},
		{0x1f590, 0x1f590, 1}, {0x1f5a5, 0x1f5a5, 1}, {0x1f5a8, 0x1f5a8, 1}, {0x1f5b1, 0x1f5b2, 1},
		{0x1f5bc, 0x1f5bc, 1}, {0x1f5c2, 0x1f5c4, 1}, {0x1f5d1, 0x1f5d3, 1}, {0x1f5dc, 0x1f5de, 1},
		{0x1f5e1, 0x1f5e1, 1}, {0x1f5e3, 0x1f5e3, 1}, {0x1f5e8, 0x1f5e8, 1}, {0x1f5ef, 0x1f5ef, 1},
		{0x1f5f3, 0x1f5f3, 1}, {0x1f5fa, 0x1f5fa, 1}, {0x1f6cb, 0x1f6cb, 1}, {0x1f6cd, 0x1f6cf, 1},
		{0x1f6e0, 0x1f6e5, 1}, {0x1f6e9, 0x1f6e9, 1}, {0x1f6f0, 0x1f6f0, 1}, {0x1f6f3, 0x1f6f3, 1},
	},
	LatinOffset: 2,
}

// normalEmoji returns the one form in which an emoji is kept, however it was
// typed: the one that Unicode calls fully qualified, with variation selectors
// where they are needed and nowhere else. It is false if the text is not made
// of what emoji are made of. Which sequences are shown as one picture changes
// every year and is the clients' to know.
func normalEmoji(text string) (emoji string, ok bool) {
	if text == "" || len(text) > 64 || !utf8.ValidString(text) {
		return "", false
	}
	var out strings.Builder
	runes, pictures := []rune(text), 0
	for i, r := range runes {
		next := rune(0)
		for _, after := range runes[i+1:] {
			if next = after; after != textStyle && after != emojiStyle {
				break
			}
		}
		styled := false
		switch {
		case r == textStyle, r == emojiStyle:
			continue
		case r == joiner, r == keycap, isTag(r):
		case strings.ContainsRune("#*0123456789", r):
			if next != keycap {
				return "", false
			}
			styled = true
			pictures++
		case unicode.Is(textEmoji, r):
			styled = !isSkinTone(next)
			pictures++
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r) && r >= 0x1f000:
			pictures++
		default:
			return "", false
		}
		out.WriteRune(r)
		if styled {
			out.WriteRune(emojiStyle)
		}
	}
	return out.String(), pictures > 0
}

func isSkinTone(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

// reacted returns the reactions to a message with an emoji in its normal form,
// and that emoji as it is kept there: older reactions may have another form.
func (m *Message) reacted(emoji string) Reacted {
	for _, r := range m.Reactions {
		if normal, ok := normalEmoji(r.Emoji); r.Emoji == emoji || ok && normal == emoji {
			return r
		}
	}
	return Reacted{Emoji: emoji}
}
