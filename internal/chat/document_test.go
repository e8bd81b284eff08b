package chat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

func TestDocuments(t *testing.T) {
	f, bell := newFixture(t, nil), new(chattest.Bell)
	f.Bell = bell
	mary, joe := f.Person("Mary", chat.RoleMember), f.Person("Joe", chat.RoleGuest)
	put := func(who chat.Caller, name string, was int64, value map[string]any) (chat.Document, error) {
		return f.PutDocument(t.Context(), who, chat.PutDocumentInput{Name: name, Was: was, Value: value})
	}
	first, err := put(mary, "sidebar", 0, map[string]any{"order": "name"})
	must(t, "a new document", err)
	second, err := put(mary, "sidebar", first.Version, map[string]any{"order": "activity"})
	must(t, "a change", err)
	must(t, "another person's of that name", errOf(put(joe, "sidebar", 0, map[string]any{})))

	// Two devices change one version: the second has to read it again.
	refused(t, "a change of an old version", errOf(put(mary, "sidebar", first.Version, map[string]any{})), chat.ErrConflict)
	refused(t, "making what is there", errOf(put(mary, "sidebar", 0, map[string]any{})), chat.ErrConflict)
	list, err := f.ListDocuments(t.Context(), mary, chat.None{})
	must(t, "list", err)
	if d := cmp.Diff([]chat.Document{second}, list.Documents); d != "" {
		t.Errorf("documents (-want +got):\n%s", d)
	}

	want := chat.Signal{Stream: chat.UserStream(mary.User.ID), Kind: chat.DocumentChanged, User: mary.User.ID,
		Document: "sidebar", Version: second.Version}
	if got := bell.Signals(); len(got) != 3 || got[1] != want {
		t.Errorf("signals %+v, want the second to be %+v", got, want)
	}

	for name, value := range map[string]map[string]any{
		"": {}, "Sidebar": {}, "a/b": {}, strings.Repeat("a", 33): {}, "nothing": nil,
	} {
		refused(t, "a document "+name, errOf(put(mary, name, 0, value)), chat.ErrInvalid)
	}
	refused(t, "49 KiB", errOf(put(mary, "large", 0, map[string]any{"x": strings.Repeat("x", 49<<10)})), chat.ErrTooLarge)
	for i := range 19 {
		must(t, "one more", errOf(put(mary, strings.Repeat("a", i+1), 0, map[string]any{})))
	}
	refused(t, "the 21st", errOf(put(mary, "more", 0, map[string]any{})), chat.ErrConflict)
}
