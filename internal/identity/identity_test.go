package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func TestPassword(t *testing.T) {
	h := NewHasher(2, time.Second)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("Hash = %q, %v", hash, err)
	}
	for password, want := range map[string]bool{"correct horse": true, "Correct horse": false, "": false} {
		if got, err := h.Verify(t.Context(), hash, password); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
	if ok, err := h.Verify(t.Context(), "", "anything"); ok || err != nil {
		t.Errorf("an empty hash gives %v, %v", ok, err)
	}
	for _, damaged := range []string{"plain", "$argon2i$v=19$m=1,t=1,p=1$AA$AA",
		"$argon2id$v=19$m=x,t=1,p=1$AA$AA", "$argon2id$v=19$m=8,t=1,p=1$!$AA"} {
		if ok, err := h.Verify(t.Context(), damaged, "x"); ok || err == nil {
			t.Errorf("damaged hash %q gives %v, %v", damaged, ok, err)
		}
	}
}

func TestHasherBoundsParallelWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1, time.Second)
		h.slots <- struct{}{} // the only slot is taken
		start := time.Now()
		if _, err := h.Hash(t.Context(), "x"); !errors.Is(err, chat.ErrRateLimited) ||
			time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want a refusal after 1s", err, time.Since(start))
		}
		// A name that nobody has is hashed for as well: what is answered in no
		// time tells that.
		if _, err := h.Verify(t.Context(), "", "x"); !errors.Is(err, chat.ErrRateLimited) {
			t.Errorf("the hash of nobody needs no slot: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestNamesThatLookAlikeCollide(t *testing.T) {
	for _, twins := range [][]string{
		{"Pablo", "pablo", "PABLO", " Pablo ", "Ｐａｂｌｏ", "Pabl0", "Pab1o"},
		{"саре", "cape"}, // Cyrillic only, Latin only
		{"José", "Jose\u0301"},
		{"O'Neill", "O’Neill"},
		{"Mary  Ann", "mary ann"},
		{"straße", "STRASSE"},
	} {
		_, want, err := Names{}.Fold(twins[0])
		if err != nil {
			t.Fatalf("%q: %v", twins[0], err)
		}
		for _, name := range twins[1:] {
			if _, got, err := (Names{}).Fold(name); err != nil || got != want {
				t.Errorf("%q has key %q (%v), want that of %q: %q", name, got, err, twins[0], want)
			}
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"Pablo", "Joe", "Mary", "Alex", "Ian", "Lan", "Zoë", "Zoe", "李雷",
		"山田たろう", "김철수", "Олег", "Σοφία", "محمد", "דוד", "Anne-Marie", "J. R. Smith", "user_7", "Ọláńrewájú",
		"Kɔfi", "Ŋ\u0254", "Nguyễn Văn Á", "محمد٢", "अनिता २", "สมชาย", "שָׁלוֹם", "Ольга 2", "தமிழ்", "မောင်",
		"一ノ瀬 ニコ", "Łukasz Żółw", "მარიამ", "Անի", "አበበ"} {
		_, key, err := Names{}.Fold(name)
		if err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
		if other := seen[key]; other != "" {
			t.Errorf("%q and %q collide", name, other)
		}
		seen[key] = name
	}
}

// keysOf returns the keys that no other name may have.
func keysOf(t *testing.T, name string) []string {
	t.Helper()
	shown, key, err := Names{}.Fold(name)
	if err != nil {
		t.Fatalf("%q is refused: %v", name, err)
	}
	return []string{key, cmp.Or(Names{}.Look(shown), key)}
}

func alike(a, b []string) bool {
	return slices.Contains(b, a[0]) || slices.Contains(b, a[1])
}

// TestNamesWithOneLook: letters of other scripts, capitals, and sequences that
// look like one letter make no second name.
func TestNamesWithOneLook(t *testing.T) {
	for _, twins := range [][]string{
		{"NINA", "ΝΙΝΑ", "Nina"}, {"MAPY", "ΜΑΡΥ", "МАРУ"},
		{"ВЕРА", "BEPA", "ΒΕΡΑ"}, {"ПАОЛА", "ΠΑΟΛΑ"}, {"YAHYA", "ΥΑΗΥΑ"}, {"KOCMOC", "КОСМОС"},
		{"Cëp", "Сёр"}, {"Níva", "Νίνα"},
		{"علی", "علي", "على"}, {"کامران", "كامران"}, {"مہر", "مهر", "مھر"}, {"سارا ۱۲", "سارا ١٢"},
		{"二宮", "ニ宮"}, {"ロバ", "口バ"}, {"カ石", "力石"}, {"夕子", "タ子"}, {"八木", "ハ木"}, {"へべ", "ヘベ"}, {"晚田", "晩田"},
		{"แดง", "เเดง"}, {"ຍາບ", "ยาบ"},
		{"రన", "ರನ"}, {"आशा", "अाशा"}, {"औरव", "अाैरव"}, {"ਆਸ", "ਅਾਸ"}, {"আশা", "অাশা"},
		{"O'Neill", "Oʼneill", "Oʻneill"}, {"Nina", "Ni\u0307na"}, {"Søren", "So\u0338ren"},
		{"Şerban", "Șerban"}, {"Đaniel", "Ðaniel", "Ɖaniel"}, {"Əli", "əli"},
	} {
		want := keysOf(t, twins[0])
		for _, name := range twins[1:] {
			if got := keysOf(t, name); !alike(got, want) {
				t.Errorf("%q has keys %q, and %q has %q: want one in common", name, got, twins[0], want)
			}
		}
	}
	for _, others := range [][2]string{
		{"Ian", "Lan"}, {"Marnie", "Mamie"}, {"Nina", "Νινα"}, {"Вера", "Vera"},
		{"Павел", "Pavel"}, {"ดา", "ตา"}, {"王土", "王士"}, {"پارسا", "ثارسا"}, {"りな", "リナ"}, {"Zoë", "Zoe"},
		{"千田", "チ田"}, {"Гота", "Yota"}, {"ГОТА", "YOTA"}, {"Нина", "Hnha"},
		{"Ţînţar", "Tintar"}, {"محمد", "محمود"},
	} {
		if a, b := keysOf(t, others[0]), keysOf(t, others[1]); alike(a, b) {
			t.Errorf("%q and %q are taken for one: %q, %q", others[0], others[1], a, b)
		}
	}
	if (Names{}).Look("Pablo") != "" || (Names{}).Look("Ольга") != "" {
		t.Error("a name that looks like its key has a second one")
	}
}

func TestNamesThatDeceiveAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "  ", "Pa\u200bblo", "Pablo\u202e", "\u2066Pablo", "P\u0430blo", "Pablo\n\rAdmin: x",
		"a\x00b", "-x", "x-", "a--b", "<b>", "a@b", "💬", "\u0301a", "\xff\xfe",
		"here", "Everyone", "PARLEY", strings.Repeat("x", 2000),
		// marks and fillers that show nothing, in every place
		"Ol\u034fga", "Olga\ufe0f", "Ol\u180bga", "Olga\u17b4", "Olga\u17b5", "\u3164", "\u115f", "\u1160",
		"\uffa0", "Ol\u3164ga", "Olga\u3164", "Olga\U000e0100", "Ol\u00adga", "Ol\u2060ga",
		"Ol\u200dga", "\u2800",
		"\U0001d159", "Ol\u061cga", "Ol\u115fga", "\U0001d173Olga",
		// letters of scripts that no one writes today, or that look like Latin
		"ꓳꓡꓖꓮ", "ᎪᏞᎬᎪ", "𐌀𐌋", "ⲞⲖ",
		"O" + strings.Repeat("\u0301", 6) + "lga",
		// marks and digits of another script, letters of phonetic alphabets
		"Mary\u05bc", "Mary\u0e31", "Joe٠", "Joe०", "محمد1٢", "Олег১2", "Joɘ", "ᴍary", "Aɴɴ", "ʟee",
	} {
		if _, _, err := (Names{}).Fold(name); !errors.Is(err, chat.ErrInvalid) {
			t.Errorf("%q gives %v, want a refusal", name, err)
		}
	}
}

// TestKeysOfAnyText: a key is found for whatever is looked for, and what is
// invisible does not count.
func TestKeysOfAnyText(t *testing.T) {
	for _, same := range [][2]string{{"Olga", "Ol\u034fga\u3164"},
		{"General", " ＧＥＮＥＲＡ1 "}, {"R&D", "r&d"}, {"/a", "a"}, {"😀", "😀\ufe0f"}} {
		if a, b := (Names{}).Key(same[0]), (Names{}).Key(same[1]); a != b || strings.HasPrefix(a, "/") {
			t.Errorf("%q has key %q, %q has %q", same[0], a, same[1], b)
		}
	}
	for _, name := range []string{"Pablo", "Zoë", "Олег", "J. R. Smith", "O’Neill"} {
		_, key, err := Names{}.Fold(name)
		if got := (Names{}).Key(name); err != nil || got != key {
			t.Errorf("%q: keys %q and %q, %v", name, key, got, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || len(a) != 43 {
		t.Errorf("tokens %q, %q", a, b)
	}
	last := ""
	for range 1000 {
		id := NewID()
		if id <= last || len(id) != 26 {
			t.Fatalf("id %q after %q", id, last)
		}
		last = id
	}
}

func FuzzNames(f *testing.F) {
	f.Add("Pablo")
	f.Add("山田 太郎")
	f.Fuzz(func(t *testing.T, name string) {
		shown, key, err := Names{}.Fold(name)
		if err != nil {
			return
		}
		again, key2, err := Names{}.Fold(shown)
		if err != nil || again != shown || key2 != key {
			t.Errorf("folding %q is not stable: %q/%q then %q/%q, %v", name, shown, key, again, key2, err)
		}
	})
}
