package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// botTokenKind is the kind of record that says who made a token of a bot, with
// the id "<bot>/<session>". A bot's token ends when its maker may not manage
// bots any more: they know the token.
const botTokenKind = "bottoken"

type botToken struct {
	Bot     UserID    `json:"bot"`
	Session SessionID `json:"session"`
	By      UserID    `json:"by"`
}

// keepMaker remembers who made a token of a bot. It looks at the maker's rights
// once more, for one who is demoted meanwhile.
func (s *Service) keepMaker(ctx context.Context, t botToken) error {
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := s.Store.PutRecord(ctx, botTokenKind, t.id(), 0, value); err != nil {
		return err
	}
	ok, err := s.managesBots(ctx, t.By)
	if err == nil && !ok {
		err = errors.Join(ErrForbidden, s.endBotToken(ctx, t))
	}
	return err
}

func (t botToken) id() string { return string(t.Bot) + "/" + string(t.Session) }

// managesBots reports whether someone may make tokens of bots, as they are now.
func (s *Service) managesBots(ctx context.Context, user UserID) (bool, error) {
	account, err := s.Store.Account(ctx, user)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !account.Disabled && account.Role.atLeast(RoleAdmin), err
}

// endBotTokens ends the tokens of bots whose maker may not manage bots any
// more: those that one person made, or everyone's if by is "". It also forgets
// who made tokens that have ended.
func (s *Service) endBotTokens(ctx context.Context, by UserID) error {
	return s.eachRecord(ctx, botTokenKind, func(r Record) error {
		var t botToken
		if err := json.Unmarshal(r.Value, &t); err != nil {
			return fmt.Errorf("token of a bot %s: %w", r.ID, err)
		}
		if by != "" && t.By != by {
			return nil
		}
		ok, err := s.managesBots(ctx, t.By)
		if err != nil {
			return err
		}
		if !ok {
			return s.endBotToken(ctx, t)
		}
		all, err := s.Store.Sessions(ctx, t.Bot)
		if err != nil || slices.ContainsFunc(all, func(x Session) bool { return x.ID == t.Session }) {
			return err
		}
		return s.forgetRecords(ctx, botTokenKind, t.id())
	})
}

func (s *Service) endBotToken(ctx context.Context, t botToken) error {
	done, err := s.Store.Commit(ctx, s.change(Caller{}, Change{Stream: UserStream(t.Bot),
		Op: RevokeSessions{Sessions: []SessionID{t.Session}}}))
	if err == nil && !done[0].NoOp {
		err = s.audit(ctx, Caller{}, AuditEntry{Action: "token.revoke", User: t.Bot,
			Detail: "made by " + string(t.By) + ", who may not manage bots any more"})
	}
	if err != nil {
		return err
	}
	return s.forgetRecords(ctx, botTokenKind, t.id())
}
