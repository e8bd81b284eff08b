package rest

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/httperror"
)

// FuzzRequest asks for each action with whatever path, query and body, also of
// a room that the asker is not in: the answer is JSON, its status one of the
// table, the server never blames itself, and nothing of that room ever
// comes. $R, $E, $I and $M stand for that room, its epoch, the id of its last
// event and the id of a member, which a forger may have seen.
func FuzzRequest(f *testing.F) {
	const theWord = "sesame" // is said in that room, and is its name and topic
	h := newFixture(f)
	h.service.SignUp = chat.SignUpClosed // the fixture is not to fill up
	h.service.Limits.RoomsCreated = 3
	h.service.Limits.Sends, h.service.Limits.Calls, h.service.Limits.Logins,
		h.service.Limits.Guesses = chat.Rate{Limit: -1}, chat.Rate{Limit: -1}, chat.Rate{Limit: -1},
		chat.Rate{Limit: -1}
	var view chat.RoomView
	if err := json.Unmarshal(h.do("POST", "/rooms",
		`{"name":"`+theWord+`","topic":"`+theWord+`","kind":"private"}`, h.as("Pablo")).body,
		&view); err != nil {
		f.Fatal(err)
	}
	for range 3 {
		if a := h.do("POST", "/rooms/"+string(view.ID)+"/messages", `{"text":"`+theWord+`"}`,
			h.as("Pablo")); a.StatusCode != 201 {
			f.Fatalf("%s", a.body)
		}
	}
	heads, err := h.service.Store.Heads(f.Context(), chat.RoomStream(view.ID))
	if err != nil {
		f.Fatal(err)
	}
	fill := strings.NewReplacer("$R", string(view.ID), "$E", heads[0].Epoch, "$I", heads[0].ID,
		"$M", string(view.CreatedBy)).Replace

	known := map[int]bool{}
	for _, code := range []chat.Code{chat.CodeInvalid, chat.CodeUnauthenticated, chat.CodeForbidden,
		chat.CodeNotFound, chat.CodeConflict, chat.CodeResync, chat.CodeTooLarge,
		chat.CodeRateLimited, chat.CodeUnavailable} {
		known[httperror.Status(&chat.Error{Code: code})] = true
	}
	actions := chat.Actions()
	for i, a := range actions {
		known[a.Status] = true
		f.Add(uint8(i), "$R", "$M", "limit=5&epoch=$E&seq=0&id=$I", `{"room":"$R"}`)
		f.Add(uint8(i), "general", "$M", "before=9223372036854775808&limit=-1",
			`{"no":1e99,"role":"moderator","name":"\ud800","users":["$M"]}`)
		f.Add(uint8(i), "general/../$R", "$I", "after=1&after=2&%zz", `{"text":"x","client_id":"a b"}{}`)
		f.Add(uint8(i), "$R\x00", "1", "around=1&room=$R", "[[[[")
	}
	handler := New(Config{Service: h.service, Policy: &clientinfo.Policy{},
		Socket: http.NotFoundHandler(), Web: fstest.MapFS{}, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, action uint8, room, other, query, body string) {
		a := actions[int(action)%len(actions)]
		room, other, query, body = fill(room), fill(other), fill(query), fill(body)
		if a.Name == "session.delete" || a.Name == "message.send" && room == string(chat.GeneralID) {
			t.Skip() // the asker stays, and the room does not fill up
		}
		for _, s := range []string{room, other, query, body} {
			if len(s) > 2000 || strings.Contains(s, theWord) || strings.Contains(s, `\u00`) ||
				strings.Contains(s, "%") {
				t.Skip() // an answer may repeat what was asked
			}
		}
		path := prefix + strings.NewReplacer("{room}", url.PathEscape(room), "{user}",
			url.PathEscape(other), "{no}", url.PathEscape(other),
			"{session}", url.PathEscape(other), "{invite}", url.PathEscape(other)).Replace(a.Path)
		plain, err := url.PathUnescape(path)
		if err != nil {
			t.Fatal(err)
		}
		if a.Method == http.MethodGet {
			body = ""
		} else {
			query = ""
		}
		r := httptest.NewRequest(a.Method, "http://parley.example/", strings.NewReader(body))
		r.URL = &url.URL{Path: plain, RawPath: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+h.token["Joe"])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code/100 == 3 {
			return // to the path without its dots
		}
		if answer := w.Body.String(); !known[w.Code] || w.Code >= 500 ||
			!json.Valid(w.Body.Bytes()) || strings.Contains(answer, theWord) ||
			w.Code == http.StatusUnauthorized && a.Access == chat.LoggedIn {
			t.Fatalf("%s %s?%s %q: %d %s", a.Method, path, query, body, w.Code, answer)
		}
	})
}
