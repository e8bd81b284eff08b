package chat

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	zalgo := "e" + strings.Repeat("\u0301", 144)
	for text, want := range map[string]string{
		"plain\ttext\nof two lines":                                     "plain\ttext\nof two lines",
		"a\r\nb\rc\vd\fe\u0085f\u2028g\u2029h":                          "a\nb\nc\nd\ne\nf\ng\nh",
		"line one\u000bline two":                                        "line one\nline two",
		"a\x00b\x07c\x1bd\x7fe\u009bf":                                  "abcdef",
		"half an emoji \xed\xa0\xbd":                                    "half an emoji \ufffd",
		"a\ufff9b\ufffac\ufffbd\ufeffe\u206af\u2061g":                   "abcdefg",
		"\ufdd0\ufffe\U0001ffff":                                        "",
		"over\u202eride, em\u202abed\u202cding":                         "override, embedding",
		"\u2067closed\u2069, \u2068open\nnext\u2069":                    "\u2067closed\u2069, \u2068open\u2069\nnext",
		"می\u200cخواهم":                                                 "می\u200cخواهم",
		"क्\u200dष":                                                     "क्\u200dष",
		"👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3":                         "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"hidden\U000e0067\U000e0062":                                    "hidden",
		"soft\u00adhyphen, zero\u200bwidth, left\u200emark":             "soft\u00adhyphen, zero\u200bwidth, left\u200emark",
		zalgo + "x": "e" + strings.Repeat("\u0301", maxMarks) + "x",
		"Việt, שָׁלוֹם, ที่นี่, བསྒྲུབས": "Việt, שָׁלוֹם, ที่นี่, བསྒྲུབས",
	} {
		got := CleanText(text)
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if again := CleanText(got); again != got {
			t.Errorf("%q becomes %q, and then %q", text, got, again)
		}
	}
}

func TestCleanLine(t *testing.T) {
	for text, want := range map[string]string{
		"  two \r\n lines\u2028here\u3000": "two lines here",
		"\u3164 \u115f\u2800\u200b\ufe0f":  "",
		"Gen\u034feral\u200b":              "General",
		"Ge\u2067ne\u2069ral":              "General",
		"❤\ufe0f and 👩\u200d👧":             "❤\ufe0f and 👩\u200d👧",
		"می\u200cخواهم":                    "می\u200cخواهم",
		"a\u200d\u200d\u200db":             "a\u200db",
	} {
		if got := cleanLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestBlankTexts(t *testing.T) {
	s := &Service{Config: Config{Limits: DefaultLimits}}
	for _, text := range []string{"", " \n\t", "\u200b", "\ufe0f", "\u3164", "\u2800\u2800", "\u034f\u17b4",
		"\u2067\u2069"} {
		if !isBlank(CleanText(text)) {
			t.Errorf("%q is not blank", text)
		}
		if _, err := s.messageText(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("a message %q: %v, want a refusal", text, err)
		}
	}
	for _, text := range []string{".", "\ufffd", "👍", "\u0301"} {
		if isBlank(CleanText(text)) {
			t.Errorf("%q is blank", text)
		}
	}
}

func TestFileNames(t *testing.T) {
	for name, want := range map[string]string{
		"report.pdf": "report.pdf", "../../etc/passwd": "_.._etc_passwd", "a\nb\x00.txt": "a_b_.txt",
		"\u202efdp.exe": "_fdp.exe", "\u200b\u3164": "file", "": "file", " . ": "file",
		"in\u034fvoice\u200b.pdf": "invoice.pdf", "\xff.txt": "_.txt", "日本語.txt": "日本語.txt",
		strings.Repeat("é", 200) + ".txt": strings.Repeat("é", 98) + ".txt",
	} {
		if got := fileName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\u2067b\nc\u2069 👩\u200d👧 \u202e")
	f.Fuzz(func(t *testing.T, text string) {
		got := CleanText(text)
		if !utf8.ValidString(got) || CleanText(got) != got || strings.ContainsAny(got, "\r\u202e\u2028") {
			t.Errorf("%q becomes %q", text, got)
		}
		if l := cleanLine(text); cleanLine(l) != l || strings.Contains(l, "\n") {
			t.Errorf("%q becomes %q in one line, then %q", text, l, cleanLine(l))
		}
	})
}
