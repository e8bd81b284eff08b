package chat

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// People are found by records, since a record's id is found by how it begins:
// one for each word of a name, whose id is the key of the name from that word
// on, a slash, and the person. They are never wrong for long: an answer holds
// only those whose name, or former name, is so now.
const (
	nameKind  = "name"
	namesKind = "names" // of the one record that says that names from before have theirs
	namesWay  = "1"

	maxNameKey   = 40 // bytes of a name's key that are found
	maxFind      = 100
	maxFindLooks = 400 // records that are looked at for one answer
)

// nameKeys returns the keys by which a name is found: of the whole of it, and
// from each later word on.
func (s *Service) nameKeys(name string) (keys []string) {
	inWord := false
	for i, r := range name {
		was := inWord
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		if i == 0 || inWord && !was {
			if key := s.Names.Key(name[i:]); key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// cutKey returns as much of a key as a record's id holds.
func cutKey(key string) string {
	if len(key) <= maxNameKey {
		return key
	}
	n := maxNameKey
	for !utf8.RuneStart(key[n]) {
		n--
	}
	return key[:n]
}

// listName has somebody found by their name. Keys of an earlier name stay, as
// long as that is the former one they count.
func (s *Service) listName(ctx context.Context, user UserID, name string) error {
	for _, key := range s.nameKeys(name) {
		id := cutKey(key) + "/" + string(user)
		_, err := s.Store.PutRecord(ctx, nameKind, id, 0, []byte("{}"))
		if err != nil && !errors.Is(err, ErrConflict) { // they have it
			return err
		}
	}
	return nil
}

// listNames has those found by name who were here before names were listed.
func (s *Service) listNames(ctx context.Context) error {
	return s.onceForUsers(ctx, namesKind, namesWay, func(ctx context.Context, u User) error {
		return errors.Join(s.listName(ctx, u.ID, u.Name), s.listName(ctx, u.ID, u.FormerName))
	})
}

// FindUsersInput asks for people by name or by id.
type FindUsersInput struct {
	Query string   `json:"query,omitempty" doc:"How a name begins, a former one, or a later word of it; without case"`
	Users []UserID `json:"users,omitempty" doc:"Ids, at most 100; instead of query"`
	Limit int      `json:"limit,omitempty" doc:"Most people to return by query; default 20, at most 100"`
}

// FindUsersOutput has the people that were found.
type FindUsersOutput struct {
	Users    []User   `json:"users" doc:"By query sorted by what matches, by ids by id; unknown ids are left out"`
	Position Position `json:"position" doc:"Place in the server's stream: these people show every event up to it"`
}

// FindUsers returns people that the caller may know of, by name or by id.
func (s *Service) FindUsers(ctx context.Context, who Caller, in FindUsersInput) (FindUsersOutput, error) {
	out := FindUsersOutput{Users: []User{}}
	limit := in.Limit
	if limit == 0 {
		limit = 20
	}
	query := s.Names.Key(strings.TrimSpace(in.Query))
	switch {
	case limit < 0 || limit > maxFind:
		return out, &Error{Code: CodeInvalid, Field: "limit", Message: "limit must be at most 100."}
	case len(in.Users) > maxFind:
		return out, &Error{Code: CodeTooLarge, Field: "users", Message: "Ask for at most 100 people."}
	case (query == "") == (len(in.Users) == 0):
		return out, &Error{Code: CodeInvalid, Field: "query", Message: "Give query or users."}
	}
	heads, err := s.Store.Heads(ctx, ServerStream)
	if err != nil {
		return out, err
	}
	out.Position = heads[0].Position
	if !mayBrowse(who.User) {
		known, err := s.companions(ctx, who.User.ID, "", maxFindLooks)
		if err != nil {
			return out, err
		}
		for _, u := range known {
			if slices.Contains(in.Users, u.ID) || query != "" && len(out.Users) < limit && s.isNamed(u, query) {
				out.Users = append(out.Users, u)
			}
		}
		return out, nil
	}
	add := func(id UserID) error {
		account, err := s.Store.Account(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil && (query == "" || s.isNamed(account.User, query)) {
			out.Users = append(out.Users, account.User)
		}
		return err
	}
	if query == "" {
		ids := slices.Clone(in.Users)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			if err := add(id); err != nil {
				return out, err
			}
		}
		return out, nil
	}
	looked, seen := 0, map[UserID]bool{}
	for r, err := range s.prefixed(ctx, nameKind, cutKey(query)) {
		if err != nil {
			return out, err
		}
		if looked++; looked > maxFindLooks {
			break
		}
		id := UserID(r.ID[strings.LastIndexByte(r.ID, '/')+1:])
		if seen[id] {
			continue
		}
		seen[id] = true
		if err := add(id); err != nil {
			return out, err
		}
		if len(out.Users) == limit {
			break
		}
	}
	return out, nil
}

// isNamed reports whether a name of that person, or a later word of it, begins
// with a key.
func (s *Service) isNamed(u User, key string) bool {
	return slices.ContainsFunc(slices.Concat(s.nameKeys(u.Name), s.nameKeys(u.FormerName)),
		func(k string) bool { return strings.HasPrefix(k, key) })
}
