package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// hookKind is the kind of record of an incoming webhook, with the id
// "<room>/<bot>".
const hookKind = "hook"

// maxHooks is how many incoming webhooks a room may have.
const maxHooks = 50

// Hook is an incoming webhook: an address at which an app posts into one room.
type Hook struct {
	Room      RoomID    `json:"room" doc:"Room"`
	Bot       User      `json:"bot" doc:"Bot account that it posts as"`
	CreatedBy UserID    `json:"created_by" doc:"Person who created it or adopted it last; it acts with their permissions"`
	CreatedAt time.Time `json:"created_at" doc:"When"`
	Paused    bool      `json:"paused,omitempty" doc:"Whether posting is refused because created_by no longer moderates the room; hook.adopt resumes it"`
}

// hook is the stored form of an incoming webhook.
type hook struct {
	Hook
	PausedAt time.Time `json:"paused_at,omitzero"` // when the pause was written to the audit log
}

// errPaused refuses posts while the webhook's owner may not moderate the room.
var errPaused = &Error{Code: CodeForbidden,
	Message: "This webhook is paused because the person responsible no longer moderates the room. Ask a moderator to adopt it."}

// hooksMade limits how often one person creates webhooks: each has an account,
// which remains when the webhook is deleted.
var hooksMade = Rate{Limit: 30, Window: time.Hour}

// HookInput describes a new incoming webhook.
type HookInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	Name string `json:"name" doc:"Name of its bot; must be unused"`
}

// HookOutput is a new incoming webhook.
type HookOutput struct {
	Hook Hook   `json:"hook" doc:"The webhook"`
	Path string `json:"path" doc:"Path of its address on this server. Keep it secret; it is shown only once"`
}

// CreateHook creates an incoming webhook for a room that the caller moderates:
// a bot with that name, a member of that room only, with a token that can only
// post there.
func (s *Service) CreateHook(ctx context.Context, who Caller, in HookInput) (HookOutput, error) {
	view, err := s.moderated(ctx, who, in.Room)
	if err != nil {
		return HookOutput{}, err
	}
	if view.Archived {
		return HookOutput{}, ErrArchived
	}
	if err := s.limit(ctx, "hook:"+string(who.User.ID), hooksMade); err != nil {
		return HookOutput{}, err
	}
	have, err := s.hooks(ctx, in.Room)
	if err != nil {
		return HookOutput{}, err
	}
	if len(have) >= maxHooks {
		return HookOutput{}, &Error{Code: CodeConflict,
			Message: fmt.Sprintf("A room can have at most %d webhooks. Delete one first.", maxHooks)}
	}
	bot, err := s.addBot(ctx, who, in.Name, RoleGuest, AuditEntry{Action: "hook.create", Room: in.Room})
	if err != nil {
		return HookOutput{}, err
	}
	if err := s.enter(ctx, who, in.Room, bot.ID, RoomMember); err != nil {
		return HookOutput{}, err
	}
	hook := Hook{Room: in.Room, Bot: bot, CreatedBy: who.User.ID, CreatedAt: s.now()}
	value, err := json.Marshal(hook)
	if err != nil {
		return HookOutput{}, err
	}
	if _, err := s.Store.PutRecord(ctx, hookKind, hookID(in.Room, bot.ID), 0, value); err != nil {
		return HookOutput{}, err
	}
	out, err := s.openToken(ctx, who, bot.ID, "webhook", []string{hookScope + string(in.Room)},
		maxTokenDays*24*time.Hour)
	return HookOutput{Hook: hook, Path: "/hooks/" + out.Token}, err
}

func hookID(room RoomID, bot UserID) string { return string(room) + "/" + string(bot) }

// hooks returns the incoming webhooks of a room.
func (s *Service) hooks(ctx context.Context, room RoomID) ([]Hook, error) {
	records, err := s.Store.Records(ctx, hookKind, string(room)+"/", maxHooks+1)
	if err != nil {
		return nil, err
	}
	hooks := []Hook{}
	for _, r := range records {
		if !strings.HasPrefix(r.ID, string(room)+"/") {
			break
		}
		var h Hook
		if err := json.Unmarshal(r.Value, &h); err != nil {
			return nil, fmt.Errorf("webhook %s: %w", r.ID, err)
		}
		hooks = append(hooks, h)
	}
	return hooks, nil
}

// HookList lists the incoming webhooks of a room.
type HookList struct {
	Hooks []Hook `json:"hooks" doc:"Sorted by the id of their bot"`
}

// ListHooks returns the incoming webhooks of a room that the caller moderates.
func (s *Service) ListHooks(ctx context.Context, who Caller, in RoomInput) (HookList, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return HookList{}, err
	}
	hooks, err := s.hooks(ctx, in.Room)
	for i, h := range hooks {
		ok, err := s.moderates(ctx, h.CreatedBy, h.Room)
		if err != nil {
			return HookList{}, err
		}
		hooks[i].Paused = !ok
	}
	return HookList{Hooks: hooks}, err
}

// AdoptHook makes the caller responsible for an incoming webhook, which then
// acts with their permissions.
func (s *Service) AdoptHook(ctx context.Context, who Caller, in HookIDInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	if _, err := s.Store.Record(ctx, hookKind, hookID(in.Room, in.Bot)); err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "hook.adopt", User: in.Bot, Room: in.Room}); err != nil {
		return None{}, err
	}
	return None{}, s.changeHook(ctx, in.Room, in.Bot, func(h *hook) {
		h.CreatedBy, h.PausedAt = who.User.ID, time.Time{}
	})
}

// mayPost returns an error if the webhook's owner may no longer moderate the
// room.
func (s *Service) mayPost(ctx context.Context, room RoomID, bot UserID) error {
	r, err := s.Store.Record(ctx, hookKind, hookID(room, bot))
	if errors.Is(err, ErrNotFound) {
		return ErrUnauthenticated
	}
	if err != nil {
		return err
	}
	var h hook
	if err := json.Unmarshal(r.Value, &h); err != nil {
		return fmt.Errorf("webhook %s: %w", r.ID, err)
	}
	ok, err := s.moderates(ctx, h.CreatedBy, room)
	switch {
	case err != nil:
		return err
	case ok && !h.PausedAt.IsZero():
		return s.changeHook(ctx, room, bot, func(h *hook) { h.PausedAt = time.Time{} })
	case ok:
		return nil
	case h.PausedAt.IsZero():
		if err := s.audit(ctx, Caller{}, AuditEntry{Action: "hook.pause", User: h.CreatedBy, Room: room,
			Detail: string(bot)}); err != nil {
			return err
		}
		if err := s.changeHook(ctx, room, bot, func(h *hook) { h.PausedAt = s.now() }); err != nil {
			return err
		}
	}
	return errPaused
}

// changeHook applies a change to a webhook's record, and retries on conflicts.
func (s *Service) changeHook(ctx context.Context, room RoomID, bot UserID, change func(*hook)) error {
	for {
		r, err := s.Store.Record(ctx, hookKind, hookID(room, bot))
		if err != nil {
			return err
		}
		var h hook
		if err := json.Unmarshal(r.Value, &h); err != nil {
			return fmt.Errorf("webhook %s: %w", r.ID, err)
		}
		change(&h)
		value, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if _, err = s.Store.PutRecord(ctx, hookKind, r.ID, r.Version, value); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// HookIDInput names an incoming webhook.
type HookIDInput struct {
	Room RoomID `json:"room" doc:"Id of the room"`
	Bot  UserID `json:"bot" doc:"Id of its bot"`
}

// DeleteHook deletes an incoming webhook. Its messages stay under its name,
// which becomes free.
func (s *Service) DeleteHook(ctx context.Context, who Caller, in HookIDInput) (None, error) {
	if _, err := s.moderated(ctx, who, in.Room); err != nil {
		return None{}, err
	}
	if _, err := s.Store.Record(ctx, hookKind, hookID(in.Room, in.Bot)); err != nil {
		return None{}, err
	}
	account, err := s.Store.Account(ctx, in.Bot)
	if err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "hook.delete", User: in.Bot, Room: in.Room}); err != nil {
		return None{}, err
	}
	// The record is deleted last, so that an interrupted deletion can be
	// repeated.
	gone := account.User
	gone.Disabled, gone.DisabledUntil = true, time.Time{}
	account.NameKey, account.LookKey = freedKey(gone.ID), ""
	if err := s.putUser(ctx, Caller{}, account, gone); err != nil {
		return None{}, err
	}
	if err := s.exit(ctx, who, in.Room, in.Bot, ""); err != nil {
		return None{}, err
	}
	return None{}, s.Store.DeleteRecord(ctx, hookKind, hookID(in.Room, in.Bot))
}

// AuthenticateHook returns the bot of an incoming webhook's token, for
// PostHook. Call it before parsing what was posted.
func (s *Service) AuthenticateHook(ctx context.Context, token string, who Caller) (Caller, error) {
	who, err := s.Authenticate(ctx, token, who)
	if err == nil {
		err = s.Admit(ctx, who)
	}
	if err == nil && !slices.ContainsFunc(who.Scopes, isHookScope) {
		err = ErrUnauthenticated
	}
	return who, err
}

func isHookScope(scope string) bool { return strings.HasPrefix(scope, hookScope) }

// PostHook sends a message to the room of an incoming webhook.
func (s *Service) PostHook(ctx context.Context, who Caller, text string) (Message, error) {
	i := slices.IndexFunc(who.Scopes, isHookScope)
	if i < 0 {
		return Message{}, ErrUnauthenticated
	}
	room := RoomID(strings.TrimPrefix(who.Scopes[i], hookScope))
	if err := s.mayPost(ctx, room, who.User.ID); err != nil {
		return Message{}, err
	}
	m, err := s.Send(ctx, who, SendInput{Room: room, Text: text})
	if errors.Is(err, ErrNotFound) {
		err = ErrUnauthenticated // the bot was removed from its room
	}
	return m, err
}
