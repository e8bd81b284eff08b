package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// keptAccount is an account that is moved to the person's slot.
type keptAccount struct {
	User     chat.User `json:"user"`
	Key      string    `json:"key"`
	Password string    `json:"password"`
	Look     string    `json:"look,omitempty"`
}

// commitServer writes changes to accounts in one step, and moves the accounts
// to their slots.
func (s *Store) commitServer(ctx context.Context, changes []chat.Change) ([]chat.Result, error) {
	args := []string{s.keys.channel(chat.ServerStream), window}
	var people []chat.UserID
	for i := range changes {
		c := &changes[i]
		if c.MustBeIn != "" {
			return nil, chat.ErrNotFound
		}
		open, err := s.open(c)
		if err != nil {
			return nil, err
		}
		var op string
		var account chat.Account
		var more []byte
		switch o := c.Op.(type) {
		case chat.CreateUser:
			op, account, more = "create", o.Account, []byte(o.Invite)
		case chat.UpdateUser:
			op, account = "update", o.Account
			if o.Was != nil {
				if more, err = json.Marshal(o.Was); err != nil {
					return nil, err
				}
			}
		}
		people = append(people, account.ID)
		public, err := json.Marshal(account.User)
		if err != nil {
			return nil, err
		}
		kept, err := json.Marshal(keptAccount{account.User, account.NameKey, account.Password,
			account.LookKey})
		if err != nil {
			return nil, err
		}
		args = append(args, op, c.ID, open, string(account.ID), account.NameKey, account.LookKey,
			string(public), string(kept), num(c.At.UnixMilli()), string(more))
	}
	var keys []string
	for _, what := range []string{"head", "log", "names", "keys", "users", "order", "arriving",
		"invites", "codes", "recent", "due", "looks"} {
		keys = append(keys, s.keys.server(what))
	}
	reply, err := s.run(ctx, &serverScript, keys, args)
	if err != nil {
		return nil, err
	}
	replies, err := reply.ToArray()
	if err != nil {
		return nil, err
	}
	if err := refusal(replies); err != nil {
		if errors.Is(err, chat.ErrConflict) {
			// Who has compared with an account in its slot, while a newer one
			// was still arriving, finds that now.
			for _, user := range people {
				if _, err := s.arrive(ctx, user); err != nil &&
					!errors.Is(err, chat.ErrNotFound) {
					return nil, err
				}
			}
		}
		return nil, err
	}
	results := make([]chat.Result, len(changes))
	for i := range changes {
		r, err := replies[i].ToArray()
		if err != nil {
			return nil, fmt.Errorf("answer of server.lua: %w", err)
		}
		if results[i], err = s.appended(r); err != nil {
			return nil, fmt.Errorf("answer of server.lua: %w", err)
		}
	}
	for _, user := range people {
		// Who is told of an error tries again, or finds the account where it is
		// arriving.
		if _, err := s.arrive(ctx, user); err != nil && !errors.Is(err, chat.ErrNotFound) {
			return nil, err
		}
	}
	return results, nil
}

// arrive moves an account to the person's slot; chat.ErrNotFound if none is
// arriving.
func (s *Store) arrive(ctx context.Context, user chat.UserID) (chat.Account, error) {
	text, err := s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("arriving")).Field(
		string(user)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return chat.Account{}, chat.ErrNotFound
	}
	if err != nil {
		return chat.Account{}, err
	}
	version, a, err := scanArriving(text)
	if err != nil {
		return chat.Account{}, fmt.Errorf("arriving account %s: %w", user, err)
	}
	public, err := json.Marshal(a.User)
	if err != nil {
		return chat.Account{}, err
	}
	if _, err := s.run(ctx, &accountScript, []string{s.keys.user(user, "account")},
		[]string{num(version), string(public), a.NameKey, a.Password, a.LookKey}); err != nil {
		return chat.Account{}, err
	}
	if _, err := s.run(ctx, &arrivedScript, []string{s.keys.server("arriving")},
		[]string{string(user), text}); err != nil {
		return chat.Account{}, err
	}
	return a, nil
}

// scanArriving reads "<version> <account>": the version is the number of the
// event that announced it.
func scanArriving(text string) (version int64, a chat.Account, err error) {
	n, body, _ := strings.Cut(text, " ")
	if version, err = strconv.ParseInt(n, 10, 64); err != nil {
		return 0, a, err
	}
	var k keptAccount
	err = json.Unmarshal([]byte(body), &k)
	return version, chat.Account{User: k.User, NameKey: k.Key, LookKey: k.Look, Password: k.Password}, err
}
