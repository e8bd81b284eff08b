package compat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// person is somebody, as the demo tells it.
type person struct {
	ID       string `json:"id"`
	Username string `json:"username"`
}

// presence is somebody and whether they are here.
type presence struct {
	person
	Online bool `json:"online"`
}

func personOf(u chat.User) person { return person{userID(u.ID), u.Name} }

func (s *Server) links(context.Context, *request) (int, any, error) {
	return http.StatusOK, map[string]string{"github": "https://github.com/parley-chat/parley"}, nil
}

// firstNames are proposed, with a number, to who has no name yet.
var firstNames = []string{"Ada", "Amir", "Bea", "Bruno", "Chloe", "Dina", "Elif", "Emil", "Fay",
	"Grace", "Hugo", "Ines", "Ivo", "Jun", "Kaya", "Lena", "Luca",
	"Mika", "Nia", "Nils", "Olga", "Omar", "Pia", "Quinn", "Rosa", "Sami", "Tess", "Uma", "Vera",
	"Wim", "Yara", "Zoe"}

func (s *Server) randomName(context.Context, *request) (int, any, error) {
	return http.StatusOK, fmt.Sprintf("%s%d", firstNames[rand.N(len(firstNames))], 100+rand.N(9900)), nil
}

func (s *Server) me(_ context.Context, in *request) (int, any, error) {
	if in.who.Anonymous() {
		return http.StatusOK, nil, nil
	}
	return http.StatusOK, personOf(in.who.User), nil
}

// logIn opens a session, and makes the account first if nobody has the name and
// sign-up is open. That a name is not known is told by that alone; else it is
// answered as a wrong password is, after the same work.
func (s *Server) logIn(ctx context.Context, in *request) (int, any, error) {
	var body struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := in.body(&body); err != nil {
		return 0, nil, err
	}
	anonymous := chat.Caller{Addr: in.who.Addr, Agent: in.who.Agent}
	status, name := http.StatusOK, "session.create"
	fill := with(chat.LogInInput{Name: body.Username, Password: body.Password})
	if s.cfg.Service.SignUp == chat.SignUpOpen {
		_, err := s.cfg.Service.UserNamed(ctx, body.Username)
		switch {
		case errors.Is(err, chat.ErrNotFound), errors.Is(err, chat.ErrInvalid):
			status, name = http.StatusCreated, "account.create"
			fill = with(chat.SignUpInput{Name: body.Username, Password: body.Password})
		case err != nil:
			return 0, nil, err
		}
	}
	out, err := act[chat.LoggedInOutput](ctx, s, anonymous, name, fill)
	// somebody has taken the name meanwhile
	if errors.Is(err, chat.ErrUnauthenticated) || errors.Is(err, chat.ErrConflict) {
		return http.StatusNotFound, refusal{"Invalid username or password"}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	s.cfg.Policy.SetCookie(in.w, in.Request, in.cred, out.Token, out.Session.ExpiresAt)
	s.mark(in.w, in.Request, out.Session.ExpiresAt)
	return status, personOf(out.User), nil
}

func (s *Server) logOut(ctx context.Context, in *request) (int, any, error) {
	if _, err := act[chat.None](ctx, s, in.who, "session.delete", nil); err != nil {
		return 0, nil, err
	}
	if in.cred.Cookie {
		s.cfg.Policy.SetCookie(in.w, in.Request, in.cred, "", time.Time{})
		s.mark(in.w, in.Request, time.Time{})
	}
	return http.StatusOK, "OK", nil
}

// users tells of the people whose numbers are asked for, of those that the
// caller may know of.
func (s *Server) users(ctx context.Context, in *request) (int, any, error) {
	if in.who.Anonymous() {
		return 0, nil, chat.ErrUnauthenticated
	}
	if err := s.cfg.Service.Admit(ctx, in.who); err != nil {
		return 0, nil, err
	}
	query := in.URL.Query()
	ids := query["ids[]"]
	if len(ids) == 0 && len(query["ids"]) > 1 {
		ids = query["ids"]
	}
	if len(ids) == 0 {
		return http.StatusNotFound, refusal{"give ids[]=1&ids[]=2"}, nil
	}
	if most := s.cfg.Service.Limits.PageMax; len(ids) > most {
		return 0, nil, &chat.Error{Code: chat.CodeInvalid,
			Message: fmt.Sprintf("at most %d people can be asked for at once", most)}
	}
	known, err := s.known(ctx, in.who)
	if err != nil {
		return 0, nil, err
	}
	found := map[string]chat.User{}
	watched := chat.WatchInput{}
	for _, text := range ids {
		n, ok := parseNumber(text)
		if !ok {
			continue
		}
		id, name, err := known(n)
		if errors.Is(err, chat.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		found[text] = chat.User{ID: id, Name: name}
		watched.Users = append(watched.Users, id)
	}
	users, err := s.cfg.Service.Watched(in.who, watched)
	if err != nil {
		return 0, nil, err
	}
	online, err := s.cfg.Service.Presence.Online(ctx, users)
	if err != nil {
		return 0, nil, err
	}
	out := map[string]presence{}
	for text, user := range found {
		out[text] = presence{person{text, user.Name}, slices.Contains(online, user.ID)}
	}
	return http.StatusOK, out, nil
}

// known returns a function that finds people by number: everyone, or for guests
// those in their rooms. People who are unknown cost one look into the store
// together.
func (s *Server) known(ctx context.Context,
	who chat.Caller) (func(n int64) (chat.UserID, string, error), error) {
	if err := s.cfg.Service.MayRead(ctx, who, chat.ServerStream); err == nil {
		missed := false
		return func(n int64) (chat.UserID, string, error) {
			if missed {
				return s.people.remembered(n)
			}
			id, name, err := s.people.numbered(ctx, n)
			missed = errors.Is(err, chat.ErrNotFound)
			return id, name, err
		}, nil
	} else if !errors.Is(err, chat.ErrNotFound) {
		return nil, err
	}
	near := map[int64]chat.User{}
	for in := (chat.UserPageInput{}); ; {
		list, err := s.cfg.Service.ListUsers(ctx, who, in)
		if err != nil {
			return nil, err
		}
		for _, u := range list.Users {
			near[number(string(u.ID))] = u
		}
		if in.After = list.Next; in.After == "" {
			break
		}
	}
	return func(n int64) (chat.UserID, string, error) {
		u, ok := near[n]
		if !ok {
			return "", "", chat.ErrNotFound
		}
		return u.ID, u.Name, nil
	}, nil
}

func (s *Server) online(ctx context.Context, in *request) (int, any, error) {
	out := map[string]presence{}
	for page := (chat.OnlinePageInput{}); ; {
		list, err := act[chat.OnlineOutput](ctx, s, in.who, "presence.list",
			func(in any) { *in.(*chat.OnlinePageInput) = page })
		if err != nil {
			return 0, nil, err
		}
		for _, id := range list.Online {
			name, err := s.people.name(ctx, id)
			if errors.Is(err, chat.ErrNotFound) {
				continue
			}
			if err != nil {
				return 0, nil, err
			}
			out[userID(id)] = presence{person{userID(id), name}, true}
		}
		if page.After = list.Next; page.After == "" {
			return http.StatusOK, out, nil
		}
	}
}
