package incoming

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestMrkdwn(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain words", "plain words"},
		{"*bold* and *two words*.", "**bold** and **two words**."},
		{"_italic_ ~struck~ *~both~*", "_italic_ ~~struck~~ **~~both~~**"},
		{"*not bold * 2*3*4 a*b", `*not bold * 2\*3\*4 a\*b`},
		{"**markdown** ~~is kept~~ [x](https://a.example)",
			"**markdown** ~~is kept~~ [x](https://a.example)"},
		{"* an item\n* another", "* an item\n* another"},
		{"<https://a.example/x?y=1&amp;z=2>", "<https://a.example/x?y=1&z=2>"},
		{"<https://a.example/x?y=1&z=2|the *page*>", `[the **page**](https://a.example/x?y=1&z=2)`},
		{"*<https://a.example|bold link>*", "**[bold link](https://a.example)**"},
		{"<https://a.example/a_(b)_c|x [1]>", `[x \[1\]](https://a.example/a_%28b%29_c)`},
		{"<https://a.example/*x*> and *y*", "<https://a.example/*x*> and **y**"},
		{"<mailto:a@b.example|a@b.example> <mailto:a@b.example>",
			"[a@b.example](mailto:a@b.example) [a@b.example](mailto:a@b.example)"},
		{"<!here> <!channel> <!everyone|everyone>: look", "@room @room @room: look"},
		{"<!subteam^S1|@ops> <!date^1392734382^{date}^https://a.example|Feb 18> <!unknown>", "@ops Feb 18 "},
		{"<@U123> <@U123|joe> <#C1|general>", "@U123 @joe #general"},
		{"<javascript:alert(1)|x> <b>", `\<javascript:alert(1)|x> \<b>`},
		{"1 &lt; 2 &amp;&amp; 3 &gt; 2, &amp;lt; stays", `1 < 2 && 3 > 2, &lt; stays`},
		{"&gt; quoted", "> quoted"},
		{"`a *b* <https://a.example|c> &lt;d&gt;` *e*", "`a *b* c <d>` **e**"},
		{"see ```x := *p\ny &amp;&amp; z```done", "see \n```\nx := *p\ny && z\n```\ndone"},
		{"```json\n{}\n```", "```json\n{}\n```"},
		{"``` open *b*", "\\`\\`\\` open **b**"},
		{"it`s\nhers", "it\\`s\nhers"},
		{"*über* (*x*) „*y*“", "**über** (**x**) „**y**“"},
		{"<https://sentry.example/1|*TypeError*>", "[**TypeError**](https://sentry.example/1)"},
		{"<https://a.example|~old~ a_b [d]>", `[~~old~~ a_b \[d\]](https://a.example)`},
		{":white_check_mark: ok :fire: :own:", "✅ ok 🔥 :own:"},
		{":fire::tada: *:x: failed*", "🔥🎉 **❌ failed**"},
		{":+1::skin-tone-4: :female-technologist::skin-tone-2:", "👍🏽 👩🏻‍💻"},
		{"12:100:30 a:x:b http://a.example:8080:x: `:fire:`", "12:100:30 a:x:b http://a.example:8080:x: `:fire:`"},
		{"https://kibana.example/#/?q='*error*'", "<https://kibana.example/#/?q='*error*'>"},
		{"see https://ci.example/job/*foo*/x, *now*", "see <https://ci.example/job/*foo*/x>, **now**"},
		{"*https://ci.example/_a_*", "**<https://ci.example/_a_>**"},
		{"(https://a.example/~joe/x) http://a.example/a[1]=~b~.",
			"(<https://a.example/~joe/x>) <http://a.example/a[1]=~b~>."},
		{"https://a.example/?a=1&amp;b=*", "https://a.example/?a=1&b=*"},
		{"Backup failed\n--------\nexit 2", "Backup failed\n\\--------\nexit 2"},
		{"total\n  ====\n-- \nBob", "total\n  \\====\n\\-- \nBob"},
		{"a\U000F0041b \U000F0100", "ab "},
	} {
		if got := mrkdwn(c.in); got != c.want {
			t.Errorf("mrkdwn(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// TestLiteral: plain text is shown as it is, by the rules of docs/markdown.md.
func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		`\\server\share`: `\\server\share`, `C:\*`: `C:\\\*`, `a\\_b \,`: `a\\\\\_b \\,`, `x\`: `x\`,
		"&lt; &amp;copy;": "&lt; &amp;copy;", "#1\n> -": "\\#1\n\\> -",
	} {
		if got := literal(in); got != want {
			t.Errorf("literal(%q): %q, want %q", in, got, want)
		}
	}
	if got, want := bold(literal(`C:\`)), `**C:\\**`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSilent(t *testing.T) {
	for in, want := range map[string]string{
		"@all a@b":                           "@\u2060all a@\u2060b",
		"(https://medium.com/@mary/x) @mary": "(https://medium.com/@mary/x) @\u2060mary",
		"éhttps://x:@all https://x)@all":     "éhttps://x:@\u2060all https://x)@\u2060all",
	} {
		if got := silent(in); got != want {
			t.Errorf("silent(%q): %q, want %q", in, got, want)
		}
	}
}

func TestLinksThatAreNone(t *testing.T) {
	for _, url := range []string{"", "javascript:alert(1)", "data:text/html,x", "JavaScript:x",
		"//a.example", "https:", "https://", "ftp://a.example", "\x00javascript:x"} {
		if got := link("x", url); got != "x" {
			t.Errorf("link to %q: %q", url, got)
		}
	}
}

func TestManyMarksAreLittleWork(t *testing.T) {
	// The shortest of some runs, as others use the machine too.
	took := func(text string) time.Duration {
		shortest := time.Hour
		for range 3 {
			begin := time.Now()
			mrkdwn(text)
			shortest = min(shortest, time.Since(begin))
		}
		return shortest
	}
	const small, times = 1 << 10, 16
	for _, unit := range []string{" *a", "~a ", "`", "<", "<a", "```", "&", "&a", "_", "*", "\n> ",
		"<https://a|", "[", "`a\n"} {
		// Work by the square is 16 times as much as by length, each time that
		// it is measured. A busy machine does it only now and then.
		for try := 0; ; try++ {
			little := took(strings.Repeat(unit, small/len(unit)))
			much := took(strings.Repeat(unit, times*small/len(unit)))
			if much <= 10*time.Millisecond || much <= 8*times*little {
				break
			}
			if try == 5 {
				t.Errorf("%q: %v, and %d times of it %v", unit, little, times, much)
				break
			}
		}
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct{ in, wantEnd string }{
		{long, "é…"},
		{"> ```\n" + long, "é\n```\n…"},
		{"```\nx\n```\n" + long, "é…"},
	} {
		got := cut(c.in, 80)
		if len(got) > 80 || len(got) < 70 || !utf8.ValidString(got) || !strings.HasSuffix(got, c.wantEnd) {
			t.Errorf("cut to %d bytes: %q", len(got), got)
		}
	}
	if got := cut(long, 200); got != long {
		t.Errorf("a text that fits became %q", got)
	}
}

func FuzzRender(f *testing.F) {
	for _, c := range payloads {
		f.Add([]byte(c.body))
	}
	for _, c := range githubPayloads {
		f.Add([]byte(c.body))
	}
	f.Add([]byte("payload=%7B%22text%22%3A%22x%22%7D"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decode("", body)
		if err != nil {
			return
		}
		text := cut(render(p), 1000)
		for _, c := range githubPayloads {
			if said := github(c.event, p); !utf8.ValidString(said) {
				t.Errorf("%s: %q", c.event, said)
			}
		}
		if len(text) > 1000 || !utf8.ValidString(text) {
			t.Errorf("%d bytes: %q", len(text), text)
		}
		if i := strings.IndexFunc(text,
			func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
			t.Errorf("a control character at %d of %q", i, text)
		}
		// A link is made of http, https and mailto only.
		for _, bad := range []string{"](javascript:", "](data:", "](vbscript:"} {
			if strings.Contains(strings.ToLower(text), bad) &&
				!strings.Contains(strings.ToLower(string(body)), "](") &&
				!strings.Contains(string(body), `\u`) {
				t.Errorf("made %q", text)
			}
		}
	})
}
