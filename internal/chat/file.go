package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// File is a file that was sent with a message. Its bytes are outside the store.
type File struct {
	ID     string `json:"id" doc:"Id"`
	Name   string `json:"name" doc:"Name, as the sender called it"`
	Type   string `json:"type" doc:"Media type, as the server sees it"`
	Size   int64  `json:"size" doc:"Bytes"`
	Width  int    `json:"width,omitempty" doc:"Pictures: pixels"`
	Height int    `json:"height,omitempty" doc:"Pictures: pixels"`
}

// Depot keeps the bytes of files, outside the store.
type Depot interface {
	// Take reads r to its end and keeps what it has read under the id, with
	// smaller pictures where it is a picture. It returns the file without its
	// name. ErrTooLarge over most bytes, ErrInvalid for a picture that cannot
	// be shown safely; nothing is kept then.
	Take(ctx context.Context, id string, r io.Reader, most int64) (File, error)
	// TakeFace reads a picture to its end and keeps the middle of it under the
	// id, as a small square that is safe to show. Errors are those of Take, and
	// ErrInvalid for what is no picture.
	TakeFace(ctx context.Context, id string, r io.Reader, most int64) error
	// Open returns the bytes, which the caller closes, and which the context
	// bounds. Width asks for the smallest picture whose longer side is at least
	// so long, if there is one, or the file itself with 0. ErrNotFound if there
	// is nothing.
	Open(ctx context.Context, id string, width int) (Content, error)
	// Remove forgets files with all that belongs to them. What is not there is
	// no error.
	Remove(ctx context.Context, ids ...string) error
	// Weigh returns the bytes of all that is kept. It takes long where that is
	// much.
	Weigh(ctx context.Context) (int64, error)
}

// Content is the bytes of a file, and what they are.
type Content struct {
	io.ReadSeekCloser
	Type   string // media type
	Size   int64
	Inline bool // a browser may show it in place; all else is for saving
}

const (
	// uploadKind is the kind of record of a file that is not sent yet, or was
	// sent lately.
	uploadKind = "upload"
	// trashKind is the kind of record of a file whose message is about to be
	// deleted.
	trashKind = "trash"

	maxFiles = 20 // in a message
	// uploadFor is how long an upload is remembered. It is longer than a send
	// can be repeated, and than a file may wait to be sent.
	uploadFor = DedupeFor + time.Hour
)

// upload is a file between its arrival and its message. It has no type while it
// arrives.
type upload struct {
	File File      `json:"file"`
	User UserID    `json:"user"`
	At   time.Time `json:"at"`
	Sent string    `json:"sent,omitempty"` // which send took it
}

// Upload keeps a file that the caller is going to send into a room.
func (s *Service) Upload(ctx context.Context, who Caller, name string, r io.Reader) (File, error) {
	if err := s.mayUpload(ctx, who, ScopeSend); err != nil {
		return File{}, err
	}
	id := s.NewID()
	// It is known before it is kept, so that nothing stays of an upload that is
	// cut short.
	u := upload{File: File{ID: id, Name: fileName(name)}, User: who.User.ID, At: s.now()}
	if err := s.putUpload(ctx, 0, u); err != nil {
		return File{}, err
	}
	file, err := s.fits(ctx, id, func(most int64) (File, error) { return s.Files.Take(ctx, id, r, most) })
	if err == nil {
		file.ID, file.Name = id, u.File.Name
		u.File, u.At = file, s.now()
		err = s.putUpload(ctx, 1, u)
	}
	if err == nil {
		err = s.stillFits(ctx, file)
	}
	if err == nil {
		return file, nil
	}
	ctx = context.WithoutCancel(ctx)
	gone := s.Files.Remove(ctx, id)
	if gone == nil {
		gone = s.Store.DeleteRecord(ctx, uploadKind, id)
	}
	if gone != nil && !errors.Is(gone, ErrNotFound) {
		s.Log.Error("what is left of an upload that failed could not be removed; it is tried again",
			slog.Any("error", gone))
	}
	return File{}, err
}

// mayUpload returns nil if the caller may send bytes now.
func (s *Service) mayUpload(ctx context.Context, who Caller, scope string) error {
	if who.Anonymous() {
		return ErrUnauthenticated
	}
	if err := who.May(scope); err != nil {
		return err
	}
	if s.Files == nil {
		return &Error{Code: CodeForbidden,
			Message: "this server keeps no files: its operator can set --files"}
	}
	if err := s.admit(ctx, who); err != nil {
		return err
	}
	return s.limit(ctx, "upload:"+string(who.User.ID), s.Limits.Uploads)
}

func (s *Service) putUpload(ctx context.Context, was int64, u upload) error {
	value, err := json.Marshal(u)
	if err == nil {
		_, err = s.Store.PutRecord(ctx, uploadKind, u.File.ID, was, value)
	}
	return err
}

// take marks uploads as sent by one send, which may be repeated, and returns
// them.
func (s *Service) take(ctx context.Context, who Caller, in SendInput) ([]File, error) {
	if len(in.Files) > maxFiles {
		return nil, invalid("files", "a message has at most %d files", maxFiles)
	}
	send := string(in.Room) + "/" + in.ClientID
	if in.ClientID == "" {
		send = s.NewID()
	}
	var files []File
	for _, id := range in.Files {
		var u upload
		r, err := s.Store.Record(ctx, uploadKind, id)
		if err == nil {
			err = json.Unmarshal(r.Value, &u)
			// One that is about to be removed is not taken any more, and one
			// that is still arriving not yet.
			late := u.Sent == "" && s.now().Sub(u.At) > DedupeFor
			if err == nil && (u.User != who.User.ID || u.File.Type == "" || late) {
				err = ErrNotFound
			}
		}
		if err == nil && u.Sent != "" && u.Sent != send {
			return nil, &Error{Code: CodeConflict, Field: "files",
				Message: "this file was sent already: upload it again"}
		}
		if err == nil && u.Sent == "" {
			u.Sent = send
			err = s.putUpload(ctx, r.Version, u)
		}
		if errors.Is(err, ErrNotFound) {
			err = &Error{Code: CodeNotFound, Field: "files",
				Message: "there is no such upload of yours, or it has waited too long: upload it again"}
		}
		if err != nil {
			return nil, err
		}
		files = append(files, u.File)
	}
	return files, nil
}

// FileInput names a file of a message.
type FileInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	File  string `json:"file" doc:"Id of the file"`
	Width int    `json:"width,omitempty" doc:"Pictures: the smallest one whose longer side has at least so many pixels, if it is smaller than the file"`
}

// OpenFile returns a file of a message that the caller may read.
func (s *Service) OpenFile(ctx context.Context, who Caller, in FileInput) (File, Content, error) {
	if who.Anonymous() {
		return File{}, Content{}, ErrUnauthenticated
	}
	if err := who.May(ScopeRead); err != nil {
		return File{}, Content{}, err
	}
	if err := s.admit(ctx, who); err != nil {
		return File{}, Content{}, err
	}
	m, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No})
	if err != nil {
		return File{}, Content{}, err
	}
	for _, f := range m.Files {
		if f.ID == in.File && s.Files != nil {
			content, err := s.Files.Open(ctx, f.ID, in.Width)
			return f, content, err
		}
	}
	return File{}, Content{}, ErrNotFound
}

// place is where a file that may have to go belongs.
type place struct {
	Room RoomID `json:"room"`
	No   int64  `json:"no"`
}

// discard runs what takes messages away, and removes their files. If it is cut
// short, the files go with [Service.Tend].
func (s *Service) discard(ctx context.Context, messages []Message, remove func() error) error {
	var ids []string
	for _, m := range messages {
		for _, f := range m.Files {
			value, err := json.Marshal(place{m.Room, m.No})
			if err != nil {
				return err
			}
			if _, err := s.Store.PutRecord(ctx, trashKind, f.ID, 0, value); err != nil &&
				!errors.Is(err, ErrConflict) {
				return err
			}
			ids = append(ids, f.ID)
		}
	}
	if err := remove(); err != nil || len(ids) == 0 {
		return err
	}
	if err := s.shred(ctx, ids...); err != nil {
		s.Log.Error("files of deleted messages could not be removed; it is tried again",
			slog.Any("error", err))
	}
	return nil
}

// shred removes files, and then what says that they are to be removed.
func (s *Service) shred(ctx context.Context, ids ...string) error {
	if s.Files == nil {
		return nil
	}
	if err := s.Files.Remove(ctx, ids...); err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.Store.DeleteRecord(ctx, trashKind, id); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// tidyFiles removes files that were never sent, and those whose messages are
// gone.
func (s *Service) tidyFiles(ctx context.Context) error {
	if s.Files == nil {
		return nil
	}
	err := s.eachRecord(ctx, uploadKind, func(r Record) error {
		var u upload
		if err := json.Unmarshal(r.Value, &u); err != nil || s.now().Sub(u.At) < uploadFor {
			return err
		}
		if u.Sent == "" {
			if err := s.Files.Remove(ctx, r.ID); err != nil {
				return err
			}
		}
		return s.Store.DeleteRecord(ctx, uploadKind, r.ID)
	})
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	err = s.eachRecord(ctx, trashKind, func(r Record) error {
		var at place
		if err := json.Unmarshal(r.Value, &at); err != nil {
			return err
		}
		m, err := s.messageAt(ctx, MessageInput(at))
		if err == nil && !m.Deleted() {
			return s.Store.DeleteRecord(ctx, trashKind, r.ID) // its message stayed
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return s.shred(ctx, r.ID)
	})
	if err != nil {
		return fmt.Errorf("files of deleted messages: %w", err)
	}
	return s.tidyFaces(ctx)
}
