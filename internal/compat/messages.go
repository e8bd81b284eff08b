package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// message is a message, as the demo tells it. The text is what the author
// wrote: the demo's client shows it as text, so that nothing in it is escaped.
type message struct {
	From    string `json:"from"`
	Date    int64  `json:"date"` // unix seconds
	Message string `json:"message"`
	RoomID  string `json:"roomId"`
}

func messageOf(m *chat.Message, room string) message {
	text := m.Text
	if m.Deleted() {
		text = "(deleted)" // a place that is left out would shift the client's pages
	}
	for _, f := range m.Files {
		text = strings.TrimPrefix(text+"\n["+f.Name+"]", "\n")
	}
	return message{From: userID(m.From), Date: m.At.Unix(), Message: text, RoomID: room}
}

// shownRoom is a room, as the demo tells it. Names has one text, or a pair's
// two, each in a list of its own.
type shownRoom struct {
	ID    string `json:"id"`
	Names []any  `json:"names"`
}

// roomsOf tells of the caller's rooms. Those of a pair are shown from their
// first message on.
func (s *Server) roomsOf(ctx context.Context, in *request) (int, any, error) {
	list, err := act[chat.RoomList](ctx, s, in.who, "room.list", nil)
	if err != nil {
		return 0, nil, err
	}
	if in.PathValue("user") != userID(in.who.User.ID) {
		return 0, nil, chat.ErrNotFound
	}
	out := []shownRoom{}
	for _, v := range list.Rooms {
		if v.Kind == chat.ThreadRoom {
			continue
		}
		if isPair(v.Room) && v.HeadNo == 0 {
			continue
		}
		room := shownRoom{ID: s.rooms.learn(v.Room)}
		if isPair(v.Room) {
			room.Names, err = s.pairNames(ctx, v.People)
		} else {
			var name string
			name, err = s.shownName(ctx, v.Room)
			room.Names = []any{name}
		}
		if err != nil {
			return 0, nil, err
		}
		out = append(out, room)
	}
	return http.StatusOK, out, nil
}

// openPair opens the room of the caller and somebody else.
func (s *Server) openPair(ctx context.Context, in *request) (int, any, error) {
	if _, err := act[chat.MeOutput](ctx, s, in.who, "account.get", nil); err != nil {
		return 0, nil, err
	}
	var body struct {
		User1 json.RawMessage `json:"user1"`
		User2 json.RawMessage `json:"user2"`
	}
	if err := in.body(&body); err != nil {
		return 0, nil, err
	}
	a, ok1 := looseNumber(body.User1)
	b, ok2 := looseNumber(body.User2)
	if !ok1 || !ok2 || a == b {
		return 0, nil, &chat.Error{Code: chat.CodeInvalid,
			Message: "user1 and user2 are the numbers of two people"}
	}
	other, me := a, number(string(in.who.User.ID))
	switch me {
	case a:
		other = b
	case b:
	default:
		return 0, nil, &chat.Error{Code: chat.CodeForbidden, Message: "one of the two is yourself"}
	}
	known, err := s.known(ctx, in.who)
	if err != nil {
		return 0, nil, err
	}
	id, name, err := known(other)
	if err != nil {
		return 0, nil, err
	}
	view, err := act[chat.RoomView](ctx, s, in.who, "direct.open", with(chat.OpenDirectInput{User: id}))
	if err != nil {
		return 0, nil, err
	}
	names := []any{[]string{in.who.User.Name}, []string{name}}
	if other == a {
		slices.Reverse(names)
	}
	return http.StatusCreated, shownRoom{s.rooms.learn(view.Room), names}, nil
}

// looseNumber takes a number that is written as one or as text.
func looseNumber(raw json.RawMessage) (int64, bool) {
	text := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		json.Unmarshal(raw, &text) // it was decoded once
	}
	return parseNumber(text)
}

// looseText takes an id that is written as text or as a number.
func looseText(raw json.RawMessage) (text string, ok bool) {
	if json.Unmarshal(raw, &text) == nil {
		return text, text != ""
	}
	n, ok := looseNumber(raw)
	if string(raw) == general {
		return general, true
	}
	return strconv.FormatInt(n, 10), ok
}

const (
	// usualSize is how many messages are given to who does not say it.
	usualSize = 50
	// preloaded is how many messages of General are there at once.
	preloaded = 20
)

func (s *Server) messages(ctx context.Context, in *request) (int, any, error) {
	if in.who.Anonymous() {
		return 0, nil, chat.ErrUnauthenticated
	}
	offset, err := in.count("offset", 0)
	if err != nil {
		return 0, nil, err
	}
	size, err := in.count("size", usualSize)
	if err != nil {
		return 0, nil, err
	}
	id := in.PathValue("room")
	room, err := s.room(ctx, in.who, id)
	if err != nil {
		return 0, nil, err
	}
	_, list, err := s.newest(ctx, in.who, room, id, offset, size)
	return http.StatusOK, list, err
}

// count returns a number of the query.
func (in *request) count(name string, usual int64) (int64, error) {
	values := in.URL.Query()[name]
	if len(values) == 0 {
		return usual, nil
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 || len(values) > 1 {
		return 0, &chat.Error{Code: chat.CodeInvalid, Message: fmt.Sprintf("%s is a whole number", name)}
	}
	return n, nil
}

// newest returns a room and up to size of its messages, newest first, without
// the offset newest ones.
func (s *Server) newest(ctx context.Context, who chat.Caller, room chat.RoomID, shown string, offset,
	size int64) (chat.RoomView, []message, error) {
	view, err := act[chat.RoomView](ctx, s, who, "room.get", with(chat.RoomInput{Room: room}))
	if err != nil {
		return view, nil, err
	}
	list := []message{}
	size = min(size, int64(s.cfg.Service.Limits.PageMax))
	if size == 0 || offset >= view.HeadNo {
		return view, list, nil
	}
	page, err := s.cfg.Service.ListMessages(ctx, who,
		chat.MessageListInput{Room: room, Before: view.HeadNo - offset + 1, Limit: int(size)})
	if err != nil {
		return view, nil, err
	}
	for i := range slices.Backward(page.Messages) {
		list = append(list, messageOf(&page.Messages[i], shown))
	}
	return view, list, nil
}

// preload gives General at once. Everybody can read it in the demo, and here
// whoever is in it.
func (s *Server) preload(ctx context.Context, in *request) (int, any, error) {
	view, list, err := s.newest(ctx, in.who, chat.GeneralID, general, 0, preloaded)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, struct {
		ID       string    `json:"id"`
		Name     string    `json:"name"`
		Messages []message `json:"messages"`
	}{general, view.Name, list}, nil
}
