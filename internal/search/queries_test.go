package search_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// said are messages as people write them, oldest first. Around them is talk.
var said = []string{
	"Deployed v2.13.0 to staging, the deploy took 14 minutes",
	"The deployment of the payment service failed again",
	"payment service is down, who is on call?",
	"please review my C++ patch in src/net/http_server.cc",
	"C is not C++, and neither is C#",
	"call me at +49 170 1234567 or write to ada.lovelace@example.org",
	"the box 10.100.200.101 does not answer, 10.100.200.10 does",
	"ERR_CONNECTION_RESET when calling getUserName() in AuthService.java",
	"Die Datenbankverbindung bricht ab, der Datenbankserver ist überlastet",
	"Die Straßenbahn fährt nicht, ich komme später. Grüße, Jürgen",
	"Crème brûlée at the Café São José tonight?",
	"東京都のサーバーを再起動しました",
	"部署の会議は明日の午後です",
	"데이터베이스를 복구했습니다",
	"تم تحديث الكتاب والمدرسة أُغلقت",
	"हिन्दी में संदेश और कुर्सी",
	"встреча в понедельник, Серёжа опоздает",
	"Η σύσκεψη μεταφέρθηκε",
	"see https://wiki.example.org/runbooks/redis-failover#step-2",
	"invoice INV-2026-00417 is paid, 1,250.00 EUR",
	"commit 9fceb02d0ae598e95dc970b74767f19372d61af8 breaks the build",
	"co\u00adoperation with soft hyphens and ｆｕｌｌｗｉｄｔｈ",
	"don't forget: stand-up at 9:30",
	"quarterly numbers look good 🎉",
}

// TestQueries: what people write finds what they mean, in a thousand messages.
func TestQueries(t *testing.T) {
	f := newFixture(t, 0)
	ann, bob := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember)
	eve := f.Person("eve", chat.RoleMember)
	one, two := f.Room(ann, chat.Private, bob), f.Room(ann, chat.Private)
	f.Say(eve, f.Room(eve, chat.Private), "a secret platypus, and talk")
	for i := range 1000 {
		f.Wait(time.Second)
		f.Say(ann, one, fmt.Sprintf("some talk number %d of the day, nothing more", i*7919))
		if n := i / 40; i%40 == 0 && n < len(said) {
			f.Wait(time.Second)
			f.Say(ann, one, said[n])
		}
	}
	f.Say(ann, two, "the deploy of mine")
	gone := f.Say(bob, one, "a deploy that was deleted")
	f.follow()
	_, err := f.DeleteMessage(t.Context(), bob, chat.MessageInput{Room: one, No: gone.No})
	f.Must("delete", err)

	// What is hers is older than many matches in rooms that she is not in.
	got := f.search(eve, chat.SearchInput{Text: "talk"})
	if !slices.Equal(got, []string{"a secret platypus, and talk"}) {
		t.Errorf("eve finds %q", got)
	}
	for _, test := range []struct {
		query string
		want  string // the beginnings of what is found, newest first; ~ before what is asked instead
	}{
		{"deploy", "The deployment|Deployed v2"},
		{"deployment failed", "The deployment"},
		{"payment -failed", "payment service is down"},
		{`"payment service is"`, "payment service is down"},
		{`"service payment"`, ""},
		{"c++", "C is not C++|please review"},
		{"C#", "C is not C++"},
		{"http_server.cc", "please review"},
		{"src/net", "please review"},
		{"+49 170 1234567", "call me"},
		{"ada.lovelace@example.org", "call me"},
		{"lovelace", "call me"},
		{"10.100.200.10", "the box"},
		{`"10.100.200.102"`, ""},
		{"getUserName", "ERR_CONN"},
		{"err_connection_reset", "ERR_CONN"},
		{"verbindung", "Die Datenbankv"},
		{"server datenbank", "Die Datenbankv"},
		{"strassenbahn jurgen", "Die Straßenbahn"},
		{"creme brulee cafe sao jose", "Crème"},
		{"東京", "東京都"},
		{"会議", "部署"},
		{"데이터베이스", "데이터"},
		{"كتاب", "تم"},
		{"مدرسه", "تم"},
		{"संदेश", "हिन्दी"},
		{"कर्सी", "~कुर्सी|हिन्दी"}, // another vowel is another word
		{"сережа", "встреча"},
		{"συσκεψη", "Η σύσκεψη"},
		{"redis-failover", "see https"},
		{"INV-2026-00417", "invoice"},
		{"00417", "invoice"},
		{"9fceb02d", "commit"},
		{"cooperation fullwidth", "co\u00adop"},
		{"stand-up 9:30", "don't"},
		{"deplyo", "~deploy|The deployment|Deployed v2"},
		{"invioce paid", "~invoice paid|invoice"},
		{"quaterly numbers", "~quarterly numbers|quarterly"},
		{"paymnt servce", ""}, // two errors
		{`"deplyo"`, ""},      // meant as it is
		{"platypsu", ""},      // what only others wrote is not told
		{"понедельнек", "~понедельник|встреча"},
	} {
		r, err := f.Search(t.Context(), bob, chat.SearchInput{Text: test.query})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if r.Corrected != "" {
			got = append(got, "~"+r.Corrected)
		}
		for _, m := range r.Messages {
			got = append(got, m.Text)
		}
		var want []string
		if test.want != "" {
			want = strings.Split(test.want, "|")
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%q finds %q, want %q", test.query, got, want)
		}
		for i, m := range r.Messages {
			marked := ""
			for _, part := range r.Excerpts[i].Parts {
				if part.Marked {
					marked += part.Text + "|"
				}
			}
			if marked == "" {
				t.Errorf("%q marks nothing in %q: %+v", test.query, m.Text, r.Excerpts[i])
			}
		}
	}
}

// TestOrderAndCounts: by relevance those come first that have the words as they
// are, page by page; the counts say where all are.
func TestOrderAndCounts(t *testing.T) {
	f := newFixture(t, 0)
	ann, bob := f.Person("ann", chat.RoleMember), f.Person("bob", chat.RoleMember)
	one, two := f.Room(ann, chat.Private, bob), f.Room(ann, chat.Private)
	say := func(who chat.Caller, room chat.RoomID, text string) chat.Message {
		f.Wait(time.Minute)
		return f.Say(who, room, text)
	}
	const phrase, words, begins = "the release note is out", "a note on the release", "releases and notes"
	say(ann, one, phrase)
	say(ann, one, words)
	say(bob, one, begins)
	root := say(ann, one, begins+", again")
	reply, err := f.Send(t.Context(), bob, chat.SendInput{Room: one, Thread: root.No, Text: words + ", again"})
	f.Must("reply", err)
	say(ann, two, phrase+", again")
	say(bob, one, "release")
	f.follow()
	best := []string{phrase, words + ", again", words, begins + ", again", begins}
	for _, limit := range []int{1, 2, 3, 0} {
		in := chat.SearchInput{Text: "release note", Order: "relevance", Limit: limit}
		if got := f.pages(bob, in); !slices.Equal(got, best) {
			t.Errorf("by relevance, %d at once: %q", limit, got)
		}
	}
	if got := f.pages(ann, chat.SearchInput{Text: "-note", Order: "relevance"}); len(got) != 1 {
		t.Errorf("without a word: %q", got)
	}
	r, err := f.Search(t.Context(), ann, chat.SearchInput{Text: "release note", Counts: true, Limit: 1})
	f.Must("count", err)
	want := &chat.SearchCounts{Total: 6,
		Rooms:  []chat.RoomCount{{Room: one, Count: 5}, {Room: two, Count: 1}},
		People: []chat.PersonCount{{User: ann.User.ID, Count: 4}, {User: bob.User.ID, Count: 2}}}
	if !reflect.DeepEqual(r.Counts, want) {
		t.Errorf("counted %+v, want %+v", r.Counts, want)
	}
	f.Must("leave", func() error {
		_, err := f.LeaveRoom(t.Context(), ann, chat.RoomInput{Room: two})
		return err
	}())
	_, err = f.DeleteMessage(t.Context(), bob, chat.MessageInput{Room: reply.Room, No: reply.No})
	f.Must("delete", err)
	r, err = f.Search(t.Context(), ann, chat.SearchInput{Text: "release note", Counts: true, Limit: 1})
	if f.Must("count", err); r.Counts.Total != 4 || len(r.Counts.Rooms) != 1 {
		t.Errorf("what was deleted or left is counted: %+v", r.Counts)
	}
}

// pages returns the texts of all pages in the order of relevance, which has no
// Until.
func (f *fixture) pages(who chat.Caller, in chat.SearchInput) (texts []string) {
	f.T.Helper()
	for range 100 {
		r, err := f.Search(f.T.Context(), who, in)
		f.Must("search", err)
		for _, m := range r.Messages {
			texts = append(texts, m.Text)
		}
		if in.Cursor = r.Next; in.Cursor == "" {
			return texts
		}
	}
	f.T.Fatal("no end")
	return nil
}

// TestExcerpts: an excerpt is the part of a text that has most of the words.
func TestExcerpts(t *testing.T) {
	f := newFixture(t, 0)
	long := strings.Repeat("word after word ", 100)
	for _, test := range []struct{ query, text, want string }{
		{"apple", "An apple, and **apples**", "An [apple], and **[apples]**"},
		{"apple pie", long + "the Ä apple pie <b>", "…"},
		{`"apple pie"`, "apple, apple pie", "apple, [apple pie]"},
		{"creme", "Cre\u0300me bru\u0302le\u0301e", "[Cre\u0300me] bru\u0302le\u0301e"},
		{"京都", "東京都の", "東[京都]の"},
		{"c++", "C, C++!", "C, [C++]!"},
		{"-apple", "pear", ""},
		{"🎉", "🎉", ""},
		{"verbindung", "Die Datenbankverbindung.", "Die [Datenbankverbindung]."},
		{"a/b", "see a/b", "see [a/b]"},
	} {
		got := ""
		for _, part := range f.index.Excerpt(&chat.Query{Text: test.query}, test.text) {
			if part.Marked {
				part.Text = "[" + part.Text + "]"
			}
			got += part.Text
		}
		if test.want == "…" {
			if !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "the Ä [apple] [pie] <b>") || len(got) > 300 {
				t.Errorf("%q in a long text: %q", test.query, got)
			}
		} else if got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.query, test.text, got, test.want)
		}
	}
}
