package search

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

func TestDocument(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"Hello, World!":           "hello world ",
		"Café ÀÉÎ straße I\u0307": "cafe aei strasse i ",
		"東京都":                     "東京 京都 都 ",
		"Go言語で書く。":                "go 言語 語で で書 書く く ",
		"ｶﾞﾗｽ ＡＢＣ１２":              "ガラ ラス ス abc12 ",
		"안녕하세요 여러분":               "안녕 녕하 하세 세요 요 여러 러분 분 ",
		"สวัสดี":                  "สว วั ัส สด ดี ี ",
		"don't a_b user@host.com": "don t a b user host com ",
		"हिन्दी":                  "हिन्दी ",
		"🎉 -- \x00 \xff":          "",
	} {
		if got := document(termsOf(text)); got != want {
			t.Errorf("document(%q) = %q, want %q", text, got, want)
		}
	}
}

// anyExpression is the expression of a query while the vocabulary is not
// looked at.
func anyExpression(q *chat.Query, rooms string) string {
	asIs := func(p phrase) (string, error) { return p.String(), nil }
	expr, err := expression(q, rooms, chat.MatchAny, asIs)
	if err != nil {
		panic(err)
	}
	return expr
}

func TestExpression(t *testing.T) {
	for query, want := range map[string]string{
		"":                   `f : (x)`,
		"?!":                 `f : (x)`,
		"Hel":                `text : "hel"*`,
		"hello wor":          `text : "hello"* AND text : "wor"*`,
		"東":                  `text : "東"*`,
		"東京":                 `text : "東京"`,
		"東京都 go":             `text : "東京 京都" AND text : "go"*`,
		`" OR NEAR(x) * ^a:`: `text : "or"* AND text : "near x" AND text : "a"`,
		"10.100.200.101":     `text : "10 100 200 101"*`,
		`"the end" the the`:  `text : "the end" AND text : "the"*`,
		"“Ende” 🎉":           `text : "ende"`,
		"v2言語go":             `text : "v2 言語 語 go"*`,
		"C++ c#":             `text : "c" AND text : "c"`,
		`a -b -"c d" e-f -`:  `(text : "a" AND text : "e f") NOT text : ("b" OR "c d")`,
		"-a":                 `(f : (x)) NOT text : ("a")`,
		"-C++":               `f : (x)`, // what has a C may be wanted
	} {
		if got := anyExpression(&chat.Query{Text: query}, ""); got != want {
			t.Errorf("expression(%q) = %s, want %s", query, got, want)
		}
	}
	if got := anyExpression(&chat.Query{From: "u", Mentions: "v", Link: true}, "h1 OR r2"); got !=
		`f : (h1 OR r2) AND f : (`+author("u")+`) AND f : (`+mentioned("v")+` OR `+mentioned("*")+`) AND f : (l)` {
		t.Errorf("filters are %s", got)
	}
}

// FuzzExpression searches for anything: SQLite takes it, and a text is found by
// itself.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{"hello wor", `" OR NEAR(x) * ^a:`, "東京都 go", "-a +b {c}",
		"a\x00b", "don't", "😀", "हिन्दी", "ﬀ ǆ İ", "\u0301", "ﷺ", "AND OR NOT", "C++ -c# -\"x y\""} {
		f.Add(text)
	}
	db, err := sql.Open("sqlite", filepath.Join(f.TempDir(), "x.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			t.Skip() // no message is sought by more, and SQLite takes long
		}
		if _, err := db.Exec("DELETE FROM words WHERE rowid = 1"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO words (rowid, text, f) VALUES (1, ?, 'x')", document(termsOf(text))); err != nil {
			t.Fatal(err)
		}
		q := &chat.Query{Text: text}
		match := anyExpression(q, "")
		var found int
		if err := db.QueryRow("SELECT count(*) FROM words WHERE words MATCH ?", match).Scan(&found); err != nil {
			t.Fatalf("%q as %s: %v", text, match, err)
		}
		for _, term := range q.Terms() {
			if term.Without {
				return
			}
		}
		if found == 0 || !new(Index).Matches(q, text) {
			t.Fatalf("%q as %s does not find itself as %q", text, match, document(termsOf(text)))
		}
	})
}
