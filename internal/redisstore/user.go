package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// commitUser makes changes to a person's stream, one after the other. What can
// be refused is judged before the first.
func (s *Store) commitUser(ctx context.Context, user chat.UserID,
	changes []chat.Change) ([]chat.Result, error) {
	if len(changes) > 1 {
		password := "" // what earlier changes make it
		for i := range changes {
			if err := s.judgeUser(ctx, user, &changes[i], &password); err != nil {
				return nil, err
			}
		}
	}
	results := make([]chat.Result, len(changes))
	for i := range changes {
		r, err := s.changeUser(ctx, user, &changes[i])
		if err != nil {
			return nil, err
		}
		results[i] = r
	}
	return results, nil
}

func (s *Store) judgeUser(ctx context.Context, user chat.UserID, c *chat.Change,
	password *string) (err error) {
	switch op := c.Op.(type) {
	case chat.ListRoom:
		_, err = s.Member(ctx, op.Room, user)
	case chat.MoveRead:
		_, err = s.Member(ctx, op.Read.Room, user)
	case chat.SetNotify:
		var listed bool
		listed, err = s.client.Do(ctx,
			s.client.B().Hexists().Key(s.keys.user(user, "rooms")).Field(
				string(op.Notify.Room)).Build()).AsBool()
		if err == nil && !listed {
			err = chat.ErrNotFound
		}
	case chat.RevokeSessions:
		if op.Password == "" {
			return nil
		}
		a, err := s.account(ctx, user)
		if err != nil {
			return err
		}
		if op.Was != "" && op.Was != cmp.Or(*password, a.Password) {
			return chat.ErrConflict
		}
		*password = op.Password
	}
	return err
}

func (s *Store) changeUser(ctx context.Context, user chat.UserID, c *chat.Change) (chat.Result, error) {
	if c.MustBeIn != "" {
		return chat.Result{}, chat.ErrNotFound // a person's stream has no members
	}
	switch op := c.Op.(type) {
	case chat.ListRoom:
		return s.enlist(ctx, user, c, op.Room)
	case chat.UnlistRoom:
		reason := ""
		if op.Reason != "" {
			b, err := json.Marshal(op.Reason)
			if err != nil {
				return chat.Result{}, err
			}
			reason = string(b)
		}
		return s.runUser(ctx, user, c, "unlist", string(op.Room), reason)
	case chat.MoveRead:
		return s.moveRead(ctx, user, c, op.Read)
	case chat.SetNotify:
		return s.runUser(ctx, user, c, "notify", string(op.Notify.Room), listedAs(op.Notify.Level),
			string(op.Notify.Level))
	case chat.RevokeSessions:
		args := []string{"", ""}
		if op.Password != "" {
			if _, err := s.account(ctx, user); err != nil { // which brings in one that is still arriving
				return chat.Result{}, err
			}
			args = []string{op.Password, op.Was}
		}
		for _, id := range op.Sessions {
			args = append(args, string(id))
		}
		return s.runUser(ctx, user, c, "revoke", args...)
	}
	return chat.Result{}, errUnknown(c)
}

// enlist adds a room to the person's list, as they see it now.
func (s *Store) enlist(ctx context.Context, user chat.UserID, c *chat.Change,
	room chat.RoomID) (chat.Result, error) {
	reply, err := s.run(ctx, &viewScript, s.viewKeys(room), viewArgs(user))
	if err != nil {
		return chat.Result{}, err
	}
	view, err := s.scanView(room, reply)
	if err != nil {
		return chat.Result{}, err
	}
	last := ""
	if view.Last != nil {
		b, err := json.Marshal(view.Last)
		if err != nil {
			return chat.Result{}, err
		}
		last, view.Last = string(b), nil
	}
	b, err := json.Marshal(view)
	if err != nil {
		return chat.Result{}, err
	}
	r, err := s.runUser(ctx, user, c, "list", string(view.ID), string(b), last)
	if err != nil || r.NoOp {
		return r, err
	}
	// Somebody who was removed meanwhile was not on the list then: take the
	// room off again.
	if _, err := s.Member(ctx, view.ID, user); err != nil {
		if isRefusal(err) {
			undo := chat.Change{Stream: c.Stream, ID: c.ID + "-undo", At: c.At, By: c.By,
				Op: chat.UnlistRoom{Room: view.ID}}
			if _, undoErr := s.runUser(ctx, user, &undo, "unlist", string(view.ID), ""); undoErr != nil {
				return chat.Result{}, undoErr
			}
		}
		return chat.Result{}, err
	}
	return r, nil
}

// moveRead moves the position in the room and then appends the event to the
// person's stream.
func (s *Store) moveRead(ctx context.Context, user chat.UserID, c *chat.Change,
	to chat.Read) (chat.Result, error) {
	room, no := to.Room, num(to.No)
	reply, err := s.run(ctx, &readScript,
		[]string{s.keys.room(room, "members"), s.keys.room(room, "reads")}, []string{string(user), no})
	if err != nil {
		return chat.Result{}, err
	}
	n, err := reply.AsInt64()
	switch {
	case err != nil:
		return chat.Result{}, err
	case n == -1:
		return chat.Result{}, chat.ErrNotFound
	case n == 0:
		return noOp, nil
	}
	return s.runUser(ctx, user, c, "read", string(room), no, num(c.At.UnixMilli()), string(c.By))
}

func (s *Store) runUser(ctx context.Context, user chat.UserID, c *chat.Change, op string,
	more ...string) (chat.Result, error) {
	open, err := s.open(c)
	if err != nil {
		return chat.Result{}, err
	}
	k := func(what string) string { return s.keys.user(user, what) }
	reply, err := s.run(ctx, &userScript,
		[]string{k("head"), k("log"), k("rooms"), k("reads"), k("sessions"), k("account")},
		append([]string{s.keys.channel(c.Stream), window, op, c.ID, open}, more...))
	if err != nil {
		return chat.Result{}, err
	}
	r, err := reply.ToArray()
	if err != nil {
		return chat.Result{}, err
	}
	if err := refusal(r); err != nil {
		return chat.Result{}, err
	}
	if n, err := r[0].AsInt64(); err != nil || n == 0 {
		return noOp, err
	}
	var tokens []string
	for _, m := range r[2:] {
		token, err := m.ToString()
		if err != nil {
			return chat.Result{}, fmt.Errorf("answer of user.lua: %w", err)
		}
		tokens = append(tokens, token)
	}
	s.forget(ctx, tokens)
	return s.appended(r)
}

// forget deletes the tokens of sessions that are gone.
func (s *Store) forget(ctx context.Context, tokens []string) {
	for _, hash := range tokens {
		s.client.Do(ctx, s.client.B().Del().Key(s.keys.token(hash)).Build())
	}
}
