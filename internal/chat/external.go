package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The methods for apps that embed the chat and have accounts of their own.

// External means that an embedding app logs people in. This server then has no
// passwords and no sign-up.
type External struct {
	LogIn  string // URL of the app's login page; "" for none
	LogOut string // and out
}

// ExternalID derives our id from an app's id and its kind: "person", "bot" or
// "room". Nothing has to be looked up, and nodes that create the same thing at
// once agree on its id.
func ExternalID(kind, id string) string {
	sum := sha256.Sum256([]byte("parley\x00" + kind + "\x00" + id))
	return "x-" + hex.EncodeToString(sum[:20])
}

// ExternalUser is a person as the embedding app knows them.
type ExternalUser struct {
	ID   string // unique in the app
	Name string // display name; need not be unique
	Role Role   // "" for a new member, or to keep the role
}

// UpsertUser creates or updates the account of an app's user and returns it. If
// the name is taken or cannot be shown, the account gets the nearest free one.
func (s *Service) UpsertUser(ctx context.Context, n ExternalUser) (User, error) {
	if n.ID == "" {
		return User{}, invalid("id", "The id must not be empty.")
	}
	if n.Role != "" && !n.Role.valid() {
		return User{}, invalid("role", "The role must be owner, admin, member or guest.")
	}
	user, err := s.upsertUser(ctx, n)
	for tries := 1; tries < 5 && errors.Is(err, ErrConflict); tries++ { // changed in the meantime
		user, err = s.upsertUser(ctx, n)
	}
	return user, err
}

func (s *Service) upsertUser(ctx context.Context, n ExternalUser) (User, error) {
	id := UserID(ExternalID("person", n.ID))
	account, err := s.Store.Account(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return s.addExternal(ctx, User{ID: id, Role: cmp.Or(n.Role, RoleMember)}, n.Name)
	}
	if err != nil {
		return User{}, err
	}
	if account.Disabled && !account.barred(s.now()) {
		if account.User, err = s.enable(ctx, id); err != nil {
			return User{}, err
		}
	}
	to := account.User
	to.Role = cmp.Or(n.Role, to.Role)
	if to.Role != account.Role {
		if err := s.audit(ctx, Caller{},
			AuditEntry{Action: "user.update", User: id, Detail: changed(account.User, to)}); err != nil {
			return User{}, err
		}
	}
	near := s.nearest(n.Name, id)
	if !slices.ContainsFunc(near, func(name folded) bool { return name.shown == account.Name }) {
		return s.rename(ctx, account, to, near)
	}
	if to == account.User {
		return to, nil
	}
	return to, s.putUser(ctx, Caller{}, account, to)
}

// rename gives an account the first free name of the list, and applies the
// other changes.
func (s *Service) rename(ctx context.Context, account Account, to User, names []folded) (User, error) {
	var err error
	for _, name := range names {
		to.Name, to.FormerName = name.shown, account.Name
		if err = s.putUser(ctx, Caller{}, account, to); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return to, err
}

// addExternal creates an account without a password if it does not exist.
func (s *Service) addExternal(ctx context.Context, user User, name string) (User, error) {
	user.CreatedAt = s.now()
	var err error
	for _, near := range s.nearest(name, user.ID) {
		user.Name = near.shown
		if err = s.insert(ctx, Caller{User: user}, Account{User: user, NameKey: near.key},
			""); !errors.Is(err, ErrConflict) {
			return user, err
		}
		account, there := s.Store.Account(ctx, user.ID)
		if there == nil { // another request was faster
			return account.User, s.settle(ctx, account.User)
		}
		if !errors.Is(there, ErrNotFound) {
			return User{}, there
		}
	}
	return User{}, err
}

type folded struct{ shown, key string }

// nearest returns names to try, best first: the requested one, the same with a
// number, and last one with a part of the id, which is unique.
func (s *Service) nearest(wish string, id UserID) []folded {
	shown, _, err := s.Names.Fold(wish)
	if err != nil {
		shown, _, err = s.Names.Fold(strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return r
			}
			return ' '
		}, wish[:min(len(wish), 1000)]))
	}
	if err != nil {
		shown = "Person"
	}
	mark := "-" + string(id[max(len(id)-12, 0):])
	letters := []rune(shown)
	letters = letters[:min(len(letters), s.Limits.Name-len(mark))]
	tries := []string{shown}
	if shown != "Person" {
		for n := 2; n < 10; n++ {
			tries = append(tries, string(letters)+"-"+strconv.Itoa(n))
		}
	}
	var all []folded
	for _, name := range append(tries, string(letters)+mark, "Person"+mark) {
		if shown, key, err := s.foldName(name); err == nil {
			all = append(all, folded{shown, key})
		}
	}
	return all
}

// Bot returns the embedding app's own account and creates it if necessary. It
// is a guest in the rooms that it is added to.
func (s *Service) Bot(ctx context.Context, name string) (User, error) {
	id := UserID(ExternalID("bot", name))
	account, err := s.Store.Account(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return s.addExternal(ctx, User{ID: id, Role: RoleGuest, Bot: true}, name)
	}
	return account.User, err
}

// As returns the caller for a person on whose behalf the app acts.
func (s *Service) As(ctx context.Context, user UserID) (Caller, error) {
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return Caller{}, err
	}
	if account.barred(s.now()) {
		return Caller{}, &Error{Code: CodeForbidden, Message: "This account is disabled."}
	}
	return Caller{User: account.User, Device: "program"}, nil
}

// OpenSession logs in a person whom the app has authenticated.
func (s *Service) OpenSession(ctx context.Context, who Caller, user User) (LoggedInOutput, error) {
	return s.openSession(ctx, who, user)
}

// EndSessions ends a person's login sessions, or only the given one. Tokens
// stay.
func (s *Service) EndSessions(ctx context.Context, user UserID, only SessionID) error {
	all, err := s.Store.Sessions(ctx, user)
	if err != nil {
		return err
	}
	var ids []SessionID
	for _, x := range all {
		if x.Name == "" && (only == "" || x.ID == only) {
			ids = append(ids, x.ID)
		}
	}
	if len(ids) == 0 { // an empty list would end all
		return nil
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: UserStream(user), Op: RevokeSessions{Sessions: ids}}))
	return err
}

// KeyedRoom returns the room for an app's key and creates it, without members,
// if necessary.
func (s *Service) KeyedRoom(ctx context.Context, key string, in CreateRoomInput) (Room, error) {
	id := RoomID(ExternalID("room", key))
	room, err := s.Store.Room(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return room, err
	}
	room = Room{ID: id, Kind: cmp.Or(in.Kind, Public), CreatedAt: s.now()}
	if room.Kind != Public && room.Kind != Private {
		return Room{}, invalid("kind", "The kind must be public or private.")
	}
	if room.Name, err = s.roomName(ctx, id, in.Name); err != nil {
		return Room{}, err
	}
	if room.Topic, err = line("topic", in.Topic, 0, s.Limits.Topic); err != nil {
		return Room{}, err
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: RoomStream(id), Op: CreateRoom{Room: room}}))
	if errors.Is(err, ErrConflict) { // another was faster
		return s.Store.Room(ctx, id)
	}
	return room, err
}

// PutMember adds a person to a room with a role, on behalf of the app.
func (s *Service) PutMember(ctx context.Context, room RoomID, user UserID, as RoomRole) error {
	if err := s.mayEnter(ctx, user); err != nil {
		return err
	}
	if err := s.kept(ctx, room); err != nil {
		return err
	}
	member, err := s.Store.Member(ctx, room, user)
	if errors.Is(err, ErrNotFound) {
		if err := s.roomForOneMore(ctx, Caller{}, user); err != nil {
			return err
		}
		if err := s.audit(ctx, Caller{},
			AuditEntry{Action: "member.add", User: user, Room: room, Detail: string(as)}); err != nil {
			return err
		}
		return s.join(ctx, Caller{}, room, user, as)
	}
	if err != nil || member.Role == as {
		return err
	}
	if err := s.audit(ctx, Caller{},
		AuditEntry{Action: "member.update", User: user, Room: room, Detail: string(as)}); err != nil {
		return err
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: RoomStream(room), Op: UpdateMember{User: user, Role: as}}))
	return err
}

// DropMember removes a person from a room, on behalf of the app.
func (s *Service) DropMember(ctx context.Context, room RoomID, user UserID) error {
	if err := s.kept(ctx, room); err != nil {
		return err
	}
	if _, err := s.Store.Member(ctx, room, user); err == nil {
		if err := s.audit(ctx, Caller{},
			AuditEntry{Action: "member.remove", User: user, Room: room}); err != nil {
			return err
		}
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return s.exit(ctx, Caller{}, room, user, "")
}

// kept returns an error for rooms whose members apps cannot change.
func (s *Service) kept(ctx context.Context, id RoomID) error {
	room, err := s.Store.Room(ctx, id)
	if err != nil {
		return err
	}
	if id == GeneralID || room.Kind != Public && room.Kind != Private {
		return &Error{Code: CodeForbidden, Field: "room",
			Message: "Apps cannot change the members of this room."}
	}
	return nil
}
