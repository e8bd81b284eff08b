package chat_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// TestWatchedAreFew: one watches each person once, not more than there may be,
// and guests watch no one.
func TestWatchedAreFew(t *testing.T) {
	f := chattest.New(t, nil)
	ada := f.Person("Ada", chat.RoleMember)
	got, err := f.Watched(ada, chat.WatchInput{Users: []chat.UserID{"b", "a", "b"}})
	if err != nil || !slices.Equal(got, []chat.UserID{"a", "b"}) {
		t.Errorf("watched are %v, %v", got, err)
	}
	guest := f.Person("Gast", chat.RoleGuest)
	if got, err := f.Watched(guest, chat.WatchInput{Users: []chat.UserID{"a"}}); err != nil || len(got) > 0 {
		t.Errorf("a guest watches %v, %v", got, err)
	}
	var many []chat.UserID
	for i := range chat.WatchMax + 1 {
		many = append(many, chat.UserID(fmt.Sprint("u", i)))
	}
	for _, users := range [][]chat.UserID{many, {"a", ""}} {
		_, err := f.Watched(ada, chat.WatchInput{Users: users})
		if e := chat.AsError(err); err == nil || e.Code != chat.CodeInvalid || e.Field != "users" {
			t.Errorf("%d people: %v", len(users), err)
		}
	}
	if _, err := f.Watched(ada, chat.WatchInput{Users: many[1:]}); err != nil {
		t.Error(err)
	}
}
