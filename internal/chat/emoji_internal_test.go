package chat

import "testing"

func TestNormalEmoji(t *testing.T) {
	for text, want := range map[string]string{
		"👍": "👍", "👍\ufe0f": "👍", "👍\ufe0e": "👍", "❤": "❤\ufe0f", "❤\ufe0f": "❤\ufe0f", "❤\ufe0f\ufe0f": "❤\ufe0f",
		"☝🏽": "☝🏽", "☝\ufe0f🏽": "☝🏽", "👍🏽": "👍🏽", "1\u20e3": "1\ufe0f\u20e3", "#\ufe0f\u20e3": "#\ufe0f\u20e3",
		"🏳\u200d🌈": "🏳\ufe0f\u200d🌈", "👁\u200d🗨\ufe0f": "👁\ufe0f\u200d🗨\ufe0f", "🧔\u200d♂": "🧔\u200d♂\ufe0f",
		"👩\u200d❤\u200d👨": "👩\u200d❤\ufe0f\u200d👨", "🇩🇪": "🇩🇪", "‼": "‼\ufe0f", "™": "™\ufe0f", "ℹ": "ℹ\ufe0f", "©": "©\ufe0f",
		"⛹🏽\u200d♂": "⛹🏽\u200d♂\ufe0f",
	} {
		got, ok := normalEmoji(text)
		if again, _ := normalEmoji(got); !ok || got != want || again != got {
			t.Errorf("%+q becomes %+q (%v) and then %+q, want %+q", text, got, ok, again, want)
		}
	}
	for _, text := range []string{"", "a", "1", "\ufe0f", "\u200d", "x👍", "👍 ", "1\ufe0f", "\xf0\x9f"} {
		if got, ok := normalEmoji(text); ok {
			t.Errorf("%+q becomes %+q", text, got)
		}
	}
}
