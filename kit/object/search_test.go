package object

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type doc struct {
	ID    string    `redis:",key"`
	Title string    `redis:"title,index"`
	Body  string    `redis:"body,text"`
	Tags  []string  `redis:"tags,index"`
	Size  int       `redis:"size,index"`
	Score float64   `redis:"score,index"`
	When  time.Time `redis:"when,index"`
	Done  bool      `redis:"done,index"`
	Slug  string    `redis:"slug,unique"`
}

func TestCreateArgs(t *testing.T) {
	repo := must(NewRepository[doc](noClient{}, "app:doc", Options{}))
	got := must(repo.createArgs())
	want := "FT.CREATE app:doc!search ON HASH PREFIX 1 app:{doc}: STOPWORDS 0 SCHEMA" +
		" title TAG SEPARATOR \x1f CASESENSITIVE SORTABLE body TEXT tags TAG SEPARATOR , CASESENSITIVE" +
		" size NUMERIC SORTABLE score NUMERIC SORTABLE when NUMERIC SORTABLE" +
		" done TAG SEPARATOR \x1f CASESENSITIVE SORTABLE slug TAG SEPARATOR \x1f CASESENSITIVE SORTABLE"
	if !slices.Equal(got, strings.Split(want, " ")) {
		t.Errorf("%q", got)
	}
}

func TestQuery(t *testing.T) {
	s := must(NewRepository[doc](noClient{}, "doc", Options{Encoding: JSON})).schema
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, c := range []struct {
		search Search
		want   string // "" where it is refused
	}{
		{Search{}, "*"},
		{Search{Where: []Condition{Eq("title", "plain")}}, `@title:{plain}`},
		{Search{Where: []Condition{Eq("title", "x} | @size:[0 1")}}, `@title:{x\}\ \|\ \@size\:\[0\ 1}`},
		{Search{Where: []Condition{Eq("title", `a\`)}}, `@title:{a\\}`},
		{Search{Where: []Condition{Eq("title", "a*")}}, `@title:{a\*}`},
		{Search{Where: []Condition{Prefix("title", "a*")}}, `@title:{a\**}`},
		{Search{Where: []Condition{Eq("tags", "a b,c")}}, `@tags:{a\%20b\%2Cc}`},
		{Search{Where: []Condition{Eq("done", true), Eq("size", int8(-3))}}, `@done:{1} @size:[-3 -3]`},
		{Search{Where: []Condition{Between("size", 1, 2), Less("score", 0.5),
			Greater("score", -1e21)}}, `@size:[1 2] @score:[-inf (0.5] @score:[(-1000000000000000000000 +inf]`},
		{Search{Where: []Condition{AtLeast("when", at), AtMost("size", 9)}},
			`@when:[1767323045.000000006 +inf] @size:[-inf 9]`},
		{Search{Text: "hello, (world) -no", TextIn: "body"}, `@body:(hello world no)`},
		{Search{Text: "über", TextIn: "body", Where: []Condition{Eq("slug", "s")}}, `@slug:{s} @body:(über)`},
		{Search{Text: " - ", TextIn: "body"}, ""},
		{Search{Text: "x", TextIn: "title"}, ""},
		{Search{Text: "x"}, ""},
		{Search{Where: []Condition{Eq("title", "")}}, ""},
		{Search{Where: []Condition{Eq("title", "a\nb")}}, ""},
		{Search{Where: []Condition{Eq("body", "x")}}, ""},
		{Search{Where: []Condition{Eq("nope", "x")}}, ""},
		{Search{Where: []Condition{Eq("size", "1 +inf] | *")}}, ""},
		{Search{Where: []Condition{Eq("size", nil)}}, ""},
		{Search{Where: []Condition{Less("title", "x")}}, ""},
		{Search{Where: []Condition{All("title")}}, ""},
		{Search{Where: []Condition{{}}}, ""},
		{Search{Where: []Condition{Eq("title", "x").And(Eq("size", 1))}}, ""},
		{Search{Where: []Condition{Not(Eq("title", "x"))}}, ""},
	} {
		got, err := s.query(c.search)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v:\ngot  %s, %v\nwant %s", c.search, got, err, c.want)
		}
	}
}

// clauses reads a query as the engine's lexer does (dialect 2): a backslash
// before a mark or a blank makes it part of a word; any other mark is syntax.
// It answers the field and value of each clause @field:{value}, and fails on
// anything else.
func clauses(query string) (found [][2]string, err error) {
	for query != "" {
		query = strings.TrimPrefix(query, " ")
		name, rest, ok := strings.Cut(strings.TrimPrefix(query, "@"), ":{")
		if !ok || !strings.HasPrefix(query, "@") || !nameForm.MatchString(name) {
			return nil, fmt.Errorf("no clause at %q", query)
		}
		var value []byte
		i := 0
		for ; i < len(rest) && rest[i] != '}'; i++ {
			c := rest[i]
			if c == '\\' && i+1 < len(rest) &&
				strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\v\f\r", rest[i+1]) >= 0 {
				i++
				c = rest[i]
			} else if c < 0x80 && c != '_' && !alphanumeric(c) {
				return nil, fmt.Errorf("%q is syntax in %q", c, rest)
			}
			value = append(value, c)
		}
		if i == len(rest) {
			return nil, fmt.Errorf("clause does not end: %q", rest)
		}
		found = append(found, [2]string{name, string(value)})
		query = rest[i+1:]
	}
	return found, nil
}

// Whatever the values are, the query has the clauses that were asked for and no
// others.
func TestQueryInjection(t *testing.T) {
	s := must(NewRepository[doc](noClient{}, "doc", Options{})).schema
	hostile := rapid.OneOf(rapid.String(), rapid.StringMatching("[ -~]*"),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{`\`, "}", "{", "|", "*", "@title:", " ",
			"-", "$", "=>", "%", "'", `"`, "a"})), func(p []string) string { return strings.Join(p, "") }))
	rapid.Check(t, func(t *rapid.T) {
		title, tag, text := hostile.Draw(t, "title"), hostile.Draw(t, "tag"), hostile.Draw(t, "text")
		query, err := s.query(Search{Where: []Condition{Eq("title", title), Eq("tags", tag)}})
		if err == nil {
			got, err := clauses(query)
			if err != nil || len(got) != 2 || got[0] != [2]string{"title", title} ||
				got[1][0] != "tags" || must(unescapeTag(got[1][1])) != tag {
				t.Fatalf("%q: %q, %v", query, got, err)
			}
		} else if len(title) <= maxIndexed && len(tag) <= maxIndexed && title != "" &&
			strings.IndexFunc(title, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0 {
			t.Fatalf("%q and %q: %v", title, tag, err)
		}
		query, err = s.query(Search{Text: text, TextIn: "body"})
		if err != nil {
			return
		}
		words, ok := strings.CutPrefix(query, "@body:(")
		words, ok2 := strings.CutSuffix(words, ")")
		if !ok || !ok2 || strings.IndexFunc(words,
			func(r rune) bool { return r < 0x80 && r != ' ' && r != '_' && !alphanumeric(byte(r)) }) >= 0 {
			t.Fatalf("%q", query)
		}
	})
}

func TestSearchArgs(t *testing.T) {
	repo := must(NewRepository[doc](noClient{}, "doc", Options{}))
	got := must(repo.searchArgs(Search{SortBy: "size", Desc: true, Offset: 20, Limit: 10}))
	if strings.Join(got, " ") != "FT.SEARCH doc!search * SORTBY size DESC LIMIT 20 10 DIALECT 2" {
		t.Errorf("%q", got)
	}
	for _, search := range []Search{{Limit: -1}, {Limit: 1001}, {Offset: -1}, {Offset: 10001},
		{SortBy: "tags"}, {SortBy: "size DESC"}} {
		if got, err := repo.searchArgs(search); err == nil {
			t.Errorf("%+v: %q", search, got)
		}
	}
}

// Plain Redis has no query engine, and both doors to it say so.
func TestNoQueryEngine(t *testing.T) {
	repo := must(NewRepository[doc](single(t), "doc", Options{}))
	if err := repo.CreateSearchIndex(t.Context()); !errors.Is(err, ErrNoQueryEngine) {
		t.Error(err)
	}
	if _, _, err := repo.Search(t.Context(), Search{}); !errors.Is(err, ErrNoQueryEngine) {
		t.Error(err)
	}
	if err := repo.DropSearchIndex(t.Context()); !errors.Is(err, ErrNoQueryEngine) {
		t.Error(err)
	}
}

// What the engine matched loosely is checked again as Find would have it.
func TestMeets(t *testing.T) {
	s := must(NewRepository[doc](noClient{}, "doc", Options{})).schema
	rec := &doc{Title: " a", Tags: []string{"x", ""}, Size: 5, When: time.Unix(1, 1)}
	for _, c := range []struct {
		where Condition
		want  bool
	}{
		{Eq("title", " a"), true}, {Eq("title", "a"), false}, {Prefix("title", " "), true},
		{Prefix("title", "a"), false},
		{Eq("tags", "x"), true}, {Eq("tags", ""), true}, {Eq("tags", "y"), false},
		{Between("size", 5, 5), true}, {Less("size", 5), false}, {Greater("size", 4), true},
		{AtMost("when", time.Unix(1, 1)), true}, {AtMost("when", time.Unix(1, 0)), false},
	} {
		if got, err := s.meets(valueOf(rec), []Condition{c.where}); got != c.want || err != nil {
			t.Errorf("%+v: %v, %v", c.where, got, err)
		}
	}
}
