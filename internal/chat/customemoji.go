package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

const (
	// emojiID is the id of the record, of the kind of the server's own, of the
	// custom emoji. It is one document, so that no name is given twice, and its
	// version is their revision.
	emojiID = "emoji"

	maxCustomEmoji = 250       // so that the document fits in a record
	maxEmojiBytes  = 256 << 10 // of a picture
	maxEmojiSide   = 256       // pixels
)

// emojiName is the grammar of short codes, with at least one letter: the
// minutes in 10:30:00 name no emoji.
var emojiName = regexp.MustCompile(`^[a-z0-9_+-]*[a-z][a-z0-9_+-]*$`)

// CustomEmoji is an emoji that somebody added to the server. It is written as
// its name between colons, in messages, reactions and statuses.
type CustomEmoji struct {
	Name    string `json:"name" doc:"Name without colons: 2 to 32 letters a to z, digits, _, + and -"`
	Alias   string `json:"alias,omitempty" doc:"Another name of it"`
	Picture string `json:"picture" doc:"Id of its picture, see emoji.open"`
	By      UserID `json:"by" doc:"Who added it"`
}

// EmojiList is the custom emoji of a server.
type EmojiList struct {
	Revision int64         `json:"revision" doc:"Greater with each change; 0 if there never was one"`
	Emoji    []CustomEmoji `json:"emoji" doc:"Sorted by name; at most 250"`
}

// CreateEmojiInput names a new emoji, whose picture comes beside it.
type CreateEmojiInput struct {
	Name  string `json:"name" doc:"Name without colons: 2 to 32 letters a to z, digits, _, + and -"`
	Alias string `json:"alias,omitempty" doc:"Another name, if any"`
}

// EmojiInput names a custom emoji.
type EmojiInput struct {
	Name string `json:"name" doc:"Its name without colons"`
}

// EmojiPictureInput names the picture of a custom emoji.
type EmojiPictureInput struct {
	Name string `json:"name" doc:"Its name without colons"`
	V    string `json:"v,omitempty" doc:"Id of the picture, as emoji.list has it: what comes may be kept for good then"`
}

var errEmojiTooLarge = &Error{Code: CodeTooLarge, Message: fmt.Sprintf(
	"The picture of an emoji can have at most %d KiB and %d by %[2]d pixels.", maxEmojiBytes>>10, maxEmojiSide)}

func (l EmojiList) find(name string) (CustomEmoji, bool) {
	i := slices.IndexFunc(l.Emoji, func(e CustomEmoji) bool {
		return e.Name == name || e.Alias != "" && e.Alias == name
	})
	if i < 0 {
		return CustomEmoji{}, false
	}
	return l.Emoji[i], true
}

// ListEmoji returns the custom emoji.
func (s *Service) ListEmoji(ctx context.Context, _ Caller, _ None) (EmojiList, error) {
	list := EmojiList{Emoji: []CustomEmoji{}}
	r, err := s.Store.Record(ctx, serverKind, emojiID)
	if errors.Is(err, ErrNotFound) {
		return list, nil
	}
	if err == nil {
		list.Revision, err = r.Version, json.Unmarshal(r.Value, &list.Emoji)
	}
	return list, err
}

// EmojiRevision returns the revision of the custom emoji, 0 if there never was
// one.
func (s *Service) EmojiRevision(ctx context.Context) (int64, error) {
	r, err := s.Store.Record(ctx, serverKind, emojiID)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return r.Version, err
}

// emoji returns the one form in which an emoji is kept, from any of its forms:
// that of Unicode, or the name of a custom one between colons. It is "" if
// there is no such emoji.
func (s *Service) emoji(ctx context.Context, text string) (string, error) {
	if emoji, ok := parseEmoji(text); ok {
		return emoji, nil
	}
	name, ok := strings.CutPrefix(text, ":")
	if name = strings.TrimSuffix(name, ":"); !ok || !emojiName.MatchString(name) {
		return "", nil
	}
	list, err := s.ListEmoji(ctx, Caller{}, None{})
	if e, found := list.find(name); found {
		return ":" + e.Name + ":", err
	}
	return "", err
}

// fits returns nil if l can have one more emoji, which is e.
func (l EmojiList) fits(e CustomEmoji) error {
	if len(l.Emoji) >= maxCustomEmoji {
		return &Error{Code: CodeConflict,
			Message: fmt.Sprintf("A server can have at most %d custom emoji. Remove one first.", maxCustomEmoji)}
	}
	if e.Name == e.Alias {
		return invalid("alias", "The alias must differ from the name.")
	}
	for field, name := range map[string]string{"name": e.Name, "alias": e.Alias} {
		if name == "" && field == "alias" {
			continue
		}
		if len(name) < 2 || len(name) > 32 || !emojiName.MatchString(name) {
			return invalid(field, "The name of an emoji is 2 to 32 lower-case letters a to z, digits, _, + and -, "+
				"with at least one letter.")
		}
		_, builtIn := EmojiByCode(name, 0)
		if _, taken := l.find(name); taken || builtIn || strings.HasPrefix(name, "skin-tone-") {
			return &Error{Code: CodeConflict, Field: field,
				Message: "There is an emoji named :" + name + ": already. Choose another name."}
		}
	}
	return nil
}

// CreateEmoji adds a custom emoji with the picture read from r. Animations stay
// animated.
func (s *Service) CreateEmoji(ctx context.Context, who Caller, in CreateEmojiInput,
	r io.Reader) (CustomEmoji, error) {
	none := CustomEmoji{}
	if err := s.mayUpload(ctx, who, ScopeManage); err != nil {
		return none, err
	}
	if err := s.demand(ctx, who.User, RightEmoji); err != nil {
		return none, err
	}
	return s.addEmoji(ctx, who, in, r)
}

func (s *Service) addEmoji(ctx context.Context, who Caller, in CreateEmojiInput,
	r io.Reader) (CustomEmoji, error) {
	none := CustomEmoji{}
	e := CustomEmoji{Name: strings.ToLower(strings.Trim(in.Name, ":")),
		Alias: strings.ToLower(strings.Trim(in.Alias, ":")), Picture: s.NewID(), By: who.User.ID}
	list, err := s.ListEmoji(ctx, who, None{})
	if err == nil {
		err = list.fits(e)
	}
	if err != nil {
		return none, err
	}
	// It is known before it is kept, so that nothing stays of one that is cut
	// short.
	if err := s.putAvatar(ctx, avatar{User: e.By, Emoji: true}, e.Picture); err != nil {
		return none, err
	}
	err = s.saveEmoji(ctx, e.Picture, r)
	if err == nil {
		err = s.audit(ctx, who, AuditEntry{Action: "emoji.create", Detail: ":" + e.Name + ":"})
	}
	if err == nil {
		err = s.changeEmoji(ctx, who, func(l EmojiList) ([]CustomEmoji, error) {
			at, _ := slices.BinarySearchFunc(l.Emoji, e.Name,
				func(other CustomEmoji, name string) int { return strings.Compare(other.Name, name) })
			return slices.Insert(l.Emoji, at, e), l.fits(e)
		})
	}
	if err != nil {
		if certain(err) { // or else Maintain finds out
			s.dropAvatar(ctx, e.Picture)
		}
		return none, err
	}
	return e, nil
}

// saveEmoji keeps a picture, if it is one that is small enough.
func (s *Service) saveEmoji(ctx context.Context, id string, r io.Reader) error {
	if s.Limits.Files > 0 {
		left, err := s.spaceFor(ctx, id)
		if err == nil && left < maxEmojiBytes {
			err = s.noSpace()
		}
		if err != nil {
			return err
		}
	}
	file, err := s.Files.Save(ctx, id, r, maxEmojiBytes)
	switch {
	case errors.Is(err, ErrTooLarge):
		return errEmojiTooLarge
	case err != nil:
		return err
	case !strings.HasPrefix(file.Type, "image/"):
		return invalid("", "An emoji is a PNG, GIF, WebP or JPEG picture.")
	case file.Width > maxEmojiSide || file.Height > maxEmojiSide:
		return errEmojiTooLarge
	}
	return nil
}

// DeleteEmoji removes a custom emoji. Messages show its name from then on.
func (s *Service) DeleteEmoji(ctx context.Context, who Caller, in EmojiInput) (None, error) {
	if err := s.demand(ctx, who.User, RightEmoji); err != nil {
		return None{}, err
	}
	find := func(l EmojiList) (CustomEmoji, error) {
		e, found := l.find(in.Name)
		switch {
		case !found:
			return e, ErrNotFound
		case e.By != who.User.ID && !who.User.Role.atLeast(RoleAdmin):
			return e, ErrForbidden
		}
		return e, nil
	}
	list, err := s.ListEmoji(ctx, who, None{})
	if err != nil {
		return None{}, err
	}
	gone, err := find(list)
	if err != nil {
		return None{}, err
	}
	if err := s.putAvatar(ctx, avatar{User: gone.By, Emoji: true}, gone.Picture); err != nil {
		return None{}, err
	}
	if err := s.audit(ctx, who, AuditEntry{Action: "emoji.delete", Detail: ":" + gone.Name + ":"}); err != nil {
		return None{}, err
	}
	err = s.changeEmoji(ctx, who, func(l EmojiList) ([]CustomEmoji, error) {
		now, err := find(l)
		if err == nil && now != gone {
			err = ErrNotFound
		}
		return slices.DeleteFunc(l.Emoji, func(e CustomEmoji) bool { return e == gone }), err
	})
	if err == nil {
		s.dropAvatar(ctx, gone.Picture)
	}
	return None{}, err
}

// changeEmoji replaces the list by what change makes of it as it is now, also
// while others change it, and tells everyone online.
func (s *Service) changeEmoji(ctx context.Context, who Caller,
	change func(EmojiList) ([]CustomEmoji, error)) error {
	for {
		list, err := s.ListEmoji(ctx, who, None{})
		if err != nil {
			return err
		}
		to, err := change(list)
		if err != nil {
			return err
		}
		value, err := json.Marshal(to)
		if err != nil {
			return err
		}
		revision, err := s.Store.PutRecord(ctx, serverKind, emojiID, list.Revision, value)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err == nil {
			s.Bell.Signal(ctx, Signal{Stream: ServerStream, Kind: EmojiChanged, Version: revision})
		}
		return err
	}
}

// OpenEmoji returns the picture of a custom emoji, and its id.
func (s *Service) OpenEmoji(ctx context.Context, who Caller, in EmojiPictureInput) (id string,
	c Content, err error) {
	if err := s.mayOpen(ctx, who); err != nil {
		return "", Content{}, err
	}
	list, err := s.ListEmoji(ctx, who, None{})
	if err != nil {
		return "", Content{}, err
	}
	e, found := list.find(in.Name)
	if !found || in.V != "" && in.V != e.Picture || s.Files == nil {
		return "", Content{}, ErrNotFound
	}
	c, err = s.Files.Open(ctx, e.Picture, 0)
	return e.Picture, c, err
}
