package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

const (
	// avatarKind is the kind of record of a picture of a person or of a custom
	// emoji that is being set, or is about to be replaced. Whether its bytes
	// stay is for the account, or the list of emoji, to say.
	avatarKind = "face"
	// avatarFor is how long such a record is left alone: longer than setting a
	// picture can take.
	avatarFor = 3 * time.Hour
)

// avatar is a picture of a person, or of the emoji that they added, whose bytes
// may have to go.
type avatar struct {
	User  UserID    `json:"user"`
	Emoji bool      `json:"emoji,omitempty"`
	At    time.Time `json:"at"`
}

// SetPicture sets the caller's picture to the image read from r.
func (s *Service) SetPicture(ctx context.Context, who Caller, r io.Reader) (User, error) {
	if err := s.mayUpload(ctx, who, ScopeManage); err != nil {
		return User{}, err
	}
	id := s.NewID()
	// It is known before it is kept, so that nothing stays of one that is cut
	// short.
	if err := s.putAvatar(ctx, avatar{User: who.User.ID}, id); err != nil {
		return User{}, err
	}
	if err := s.Files.SaveAvatar(ctx, id, r, s.Limits.File); err != nil {
		s.dropAvatar(ctx, id)
		return User{}, err
	}
	return s.changePicture(ctx, who, id)
}

// DeletePicture deletes the caller's picture.
func (s *Service) DeletePicture(ctx context.Context, who Caller, _ None) (User, error) {
	if err := s.limit(ctx, "account:"+string(who.User.ID), s.Limits.Profiles); err != nil {
		return User{}, err
	}
	return s.changePicture(ctx, who, "")
}

// changePicture replaces the id of the caller's picture, and removes the old
// one. If it is cut short, what is not the picture goes with
// [Service.Maintain].
func (s *Service) changePicture(ctx context.Context, who Caller, id string) (User, error) {
	old := ""
	user, err := s.changeUser(ctx, who, who.User.ID, func(a Account) (User, error) {
		to := a.User
		if to.Picture = id; a.Picture == "" {
			return to, nil
		}
		old = a.Picture
		return to, s.putAvatar(ctx, avatar{User: a.ID}, old)
	})
	if err == nil && old != "" {
		s.dropAvatar(ctx, old)
	}
	return user, err
}

// putAvatar remembers that the bytes of a picture may have to go, from now on.
func (s *Service) putAvatar(ctx context.Context, f avatar, id string) error {
	f.At = s.now()
	value, err := json.Marshal(f)
	if err != nil {
		return err
	}
	for {
		r, err := s.Store.Record(ctx, avatarKind, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err = s.Store.PutRecord(ctx, avatarKind, id, r.Version, value); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// dropAvatar removes a picture that is nobody's any more, now or, if that
// fails, with [Service.Maintain].
func (s *Service) dropAvatar(ctx context.Context, id string) {
	ctx = context.WithoutCancel(ctx)
	if err := s.deleteAvatar(ctx, id); err != nil {
		s.Log.Error("a picture of a person could not be removed; it is tried again", slog.Any("error", err))
	}
}

func (s *Service) deleteAvatar(ctx context.Context, id string) error {
	if s.Files == nil { // its bytes lie where this server has no access now
		return nil
	}
	if err := s.Files.Remove(ctx, id); err != nil {
		return err
	}
	if err := s.Store.DeleteRecord(ctx, avatarKind, id); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// pruneAvatars removes pictures that are nobody's.
func (s *Service) pruneAvatars(ctx context.Context) error {
	err := s.eachRecord(ctx, avatarKind, func(r Record) error {
		var f avatar
		if err := json.Unmarshal(r.Value, &f); err != nil || s.now().Sub(f.At) < avatarFor {
			return err
		}
		stays, err := s.usesAvatar(ctx, f, r.ID)
		if err != nil {
			return err
		}
		if stays {
			return s.forgetRecords(ctx, avatarKind, r.ID)
		}
		return s.deleteAvatar(ctx, r.ID)
	})
	if err != nil {
		return fmt.Errorf("pictures of people: %w", err)
	}
	return nil
}

// usesAvatar reports whether a picture is that of its person, or of an emoji.
func (s *Service) usesAvatar(ctx context.Context, f avatar, id string) (bool, error) {
	if f.Emoji {
		list, err := s.ListEmoji(ctx, Caller{}, None{})
		return slices.ContainsFunc(list.Emoji, func(e CustomEmoji) bool { return e.Picture == id }), err
	}
	account, err := s.Store.Account(ctx, f.User)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return account.Picture == id, err
}

// PictureInput names a person's picture.
type PictureInput struct {
	User UserID `json:"user" doc:"Id of the person"`
	V    string `json:"v,omitempty" doc:"Id of the picture, as the person has it: what comes may be kept for good then"`
}

// OpenPicture returns the picture of a person that the caller may know of, and
// its id.
func (s *Service) OpenPicture(ctx context.Context, who Caller, in PictureInput) (id string,
	c Content, err error) {
	if err := s.mayOpen(ctx, who); err != nil {
		return "", Content{}, err
	}
	u, err := s.GetUser(ctx, who, UserInput{User: in.User})
	if err != nil {
		return "", Content{}, err
	}
	if u.Picture == "" || in.V != "" && in.V != u.Picture || s.Files == nil {
		return "", Content{}, ErrNotFound
	}
	c, err = s.Files.Open(ctx, u.Picture, 0)
	return u.Picture, c, err
}
