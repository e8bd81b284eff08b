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

// What a program does that has the chat inside, and people of its own.

// External says that another program logs people in. Nobody has a password here
// then, and nobody signs up.
type External struct {
	LogIn  string // address of its page for logging in; "" for none
	LogOut string // and out
}

// ExternalID is the id of what another program knows under an id of its own: a
// "person", a "bot", a "room". It follows from the two, so that nothing has to
// be looked up, and there is one of each however many nodes make it at once.
func ExternalID(kind, id string) string {
	sum := sha256.Sum256([]byte("parley\x00" + kind + "\x00" + id))
	return "x-" + hex.EncodeToString(sum[:20])
}

// ExternalUser is somebody as another program knows them.
type ExternalUser struct {
	ID   string // unique there
	Name string // as people see it; others may have the same
	Role Role   // "" for a member at first, and later as it is
}

// UpsertUser returns the account of somebody whom another program knows, made
// at first sight, and with the name and role that it says now. A name that
// cannot be shown or that somebody has gets the nearest that can be had.
func (s *Service) UpsertUser(ctx context.Context, n ExternalUser) (User, error) {
	if n.ID == "" {
		return User{}, invalid("id", "an id is not empty")
	}
	if n.Role != "" && !n.Role.valid() {
		return User{}, invalid("role", "a role is owner, admin, member or guest")
	}
	user, err := s.upsertUser(ctx, n)
	for tries := 1; tries < 5 && errors.Is(err, ErrConflict); tries++ { // they have changed meanwhile
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

// rename gives an account the first name that nobody else has, and what else is
// new.
func (s *Service) rename(ctx context.Context, account Account, to User, names []folded) (User, error) {
	var err error
	for _, name := range names {
		to.Name, account.NameKey = name.shown, name.key
		if err = s.putUser(ctx, Caller{}, account, to); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return to, err
}

// addExternal makes an account without a password, unless it is there.
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

// nearest returns names that can be shown, the best first: the one that is
// wished for, with a number, and last one with a part of the id, which nobody
// else has.
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
	mark := "-" + string(id[len(id)-12:])
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

// Bot returns the account of another program itself, made at first sight: a
// guest, who is in the rooms that it is put into.
func (s *Service) Bot(ctx context.Context, name string) (User, error) {
	id := UserID(ExternalID("bot", name))
	account, err := s.Store.Account(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return s.addExternal(ctx, User{ID: id, Role: RoleGuest, Bot: true}, name)
	}
	return account.User, err
}

// As returns the caller that somebody is on whose behalf another program acts.
func (s *Service) As(ctx context.Context, user UserID) (Caller, error) {
	account, err := s.Store.Account(ctx, user)
	if err != nil {
		return Caller{}, err
	}
	if account.barred(s.now()) {
		return Caller{}, &Error{Code: CodeForbidden, Message: "this account is disabled"}
	}
	return Caller{User: account.User, Device: "program"}, nil
}

// OpenSession logs somebody in whom another program has judged.
func (s *Service) OpenSession(ctx context.Context, who Caller, user User) (LoggedInOutput, error) {
	return s.openSession(ctx, who, user)
}

// EndSessions ends a person's log-ins, or only the one given. Tokens for
// programs stay.
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
	if len(ids) == 0 { // which would mean all
		return nil
	}
	_, err = s.Store.Commit(ctx, s.change(Caller{},
		Change{Stream: UserStream(user), Op: RevokeSessions{Sessions: ids}}))
	return err
}

// KeyedRoom returns the room of another program's key, made at first sight,
// with nobody in it.
func (s *Service) KeyedRoom(ctx context.Context, key string, in CreateRoomInput) (Room, error) {
	id := RoomID(ExternalID("room", key))
	room, err := s.Store.Room(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return room, err
	}
	room = Room{ID: id, Kind: cmp.Or(in.Kind, Public), CreatedAt: s.now()}
	if room.Kind != Public && room.Kind != Private {
		return Room{}, invalid("kind", "a room is public or private")
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

// PutMember puts somebody into a room, as a moderator or not, on behalf of
// another program.
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

// DropMember takes somebody out of a room, on behalf of another program.
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

// kept refuses rooms whose members nobody chooses.
func (s *Service) kept(ctx context.Context, id RoomID) error {
	room, err := s.Store.Room(ctx, id)
	if err != nil {
		return err
	}
	if id == GeneralID || room.Kind != Public && room.Kind != Private {
		return &Error{Code: CodeForbidden, Field: "room",
			Message: "who is in this room is not for programs to choose"}
	}
	return nil
}
