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
	"unicode/utf8"
)

// File is a file that was sent with a message. Its bytes are outside the store.
type File struct {
	ID     string `json:"id" doc:"Id"`
	Name   string `json:"name" doc:"Name, as the sender called it"`
	Type   string `json:"type" doc:"Media type, as the server sees it"`
	Size   int64  `json:"size" doc:"Bytes"`
	Width  int    `json:"width,omitempty" doc:"Pictures: pixels"`
	Height int    `json:"height,omitempty" doc:"Pictures: pixels"`
	FileDetails
}

// FileDetails is what the sender of a file says about it.
type FileDetails struct {
	Alt      string `json:"alt,omitempty" doc:"Describes a picture for people who cannot see it; at most 1000 characters"`
	Voice    bool   `json:"voice,omitempty" doc:"A voice message"`
	Duration int64  `json:"duration,omitempty" doc:"Milliseconds, of a voice message"`
}

const (
	maxAlt = 1000 // characters
	// maxDuration is a day, in milliseconds.
	maxDuration = 24 * 60 * 60 * 1000
)

// clean returns d as it is kept.
func (d FileDetails) clean() (FileDetails, error) {
	d.Alt = cleanLine(d.Alt)
	if utf8.RuneCountInString(d.Alt) > maxAlt {
		return d, invalid("file_details", "A description can have at most %d characters.", maxAlt)
	}
	if d.Duration < 0 || d.Duration > maxDuration {
		return d, invalid("file_details", "A duration is from 0 to %d milliseconds.", maxDuration)
	}
	return d, nil
}

// FileStore keeps the bytes of files, outside the store.
type FileStore interface {
	// Save reads r to its end and keeps what it has read under the id, with
	// smaller pictures where it is a picture. It returns the file without its
	// name. ErrTooLarge over most bytes, ErrInvalid for a picture that cannot
	// be shown safely; nothing is kept then.
	Save(ctx context.Context, id string, r io.Reader, most int64) (File, error)
	// SaveAvatar reads a picture to its end and keeps the middle of it under
	// the id, as a small square that is safe to show. Errors are those of Save,
	// and ErrInvalid for what is no picture.
	SaveAvatar(ctx context.Context, id string, r io.Reader, most int64) error
	// Open returns the bytes, which the caller closes, and which the context
	// bounds. Width asks for the smallest picture whose longer side is at least
	// so long, if there is one, or the file itself with 0. ErrNotFound if there
	// is nothing.
	Open(ctx context.Context, id string, width int) (Content, error)
	// Remove forgets files with all that belongs to them. What is not there is
	// no error.
	Remove(ctx context.Context, ids ...string) error
	// Usage returns the bytes of all that is kept. It takes long where that is
	// much.
	Usage(ctx context.Context) (int64, error)
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

	// The send that took it last, which may be repeated, with its room and
	// time. Refused: it was refused, so that another may take the file. No is
	// the message that has it, once that is known.
	Sent    string    `json:"sent,omitempty"`
	Room    RoomID    `json:"room,omitempty"`
	SentAt  time.Time `json:"sent_at,omitzero"`
	Refused bool      `json:"refused,omitempty"`
	No      int64     `json:"no,omitempty"`
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
	version, err := s.putUpload(ctx, 0, u)
	if err != nil {
		return File{}, err
	}
	file, err := s.fits(ctx, id, func(most int64) (File, error) { return s.Files.Save(ctx, id, r, most) })
	if err == nil {
		file.ID, file.Name = id, u.File.Name
		u.File, u.At = file, s.now()
		_, err = s.putUpload(ctx, version, u)
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
			Message: "This server does not store files. Its administrator can set --files."}
	}
	if err := s.Admit(ctx, who); err != nil {
		return err
	}
	return s.limit(ctx, "upload:"+string(who.User.ID), s.Limits.Uploads)
}

// mayOpen returns nil if the caller may fetch bytes now.
func (s *Service) mayOpen(ctx context.Context, who Caller) error {
	if who.Anonymous() {
		return ErrUnauthenticated
	}
	if err := who.May(ScopeRead); err != nil {
		return err
	}
	return s.Admit(ctx, who)
}

func (s *Service) putUpload(ctx context.Context, was int64, u upload) (version int64, err error) {
	value, err := json.Marshal(u)
	if err == nil {
		version, err = s.Store.PutRecord(ctx, uploadKind, u.File.ID, was, value)
	}
	return version, err
}

// claimedFile is an upload that a send has taken, and the version of its
// record.
type claimedFile struct {
	upload
	version int64
}

// claimFiles marks uploads as sent by one send into a room and returns them.
// The send may be repeated. End it with [Service.attachFiles], or
// [Service.releaseFiles] if it was refused.
func (s *Service) claimFiles(ctx context.Context, who Caller, room RoomID,
	in SendInput) ([]claimedFile, error) {
	if len(in.Files) > maxFiles {
		return nil, invalid("files", "A message can have at most %d files.", maxFiles)
	}
	details := map[string]FileDetails{}
	for id, d := range in.FileDetails {
		if !slices.Contains(in.Files, id) {
			return nil, invalid("file_details", "file_details names a file that is not in files.")
		}
		var err error
		if details[id], err = d.clean(); err != nil {
			return nil, err
		}
	}
	send := string(room) + "/" + who.Device + "/" + in.ClientID
	if in.ClientID == "" {
		send = s.NewID()
	}
	var taken []claimedFile
	for _, id := range in.Files {
		f, err := s.claimFile(ctx, who, room, id, send)
		if err != nil {
			s.releaseFiles(ctx, taken)
			return nil, err
		}
		f.File.FileDetails = details[id]
		taken = append(taken, f)
	}
	return taken, nil
}

func (s *Service) claimFile(ctx context.Context, who Caller, room RoomID,
	id, send string) (claimedFile, error) {
	f, err := s.readUpload(ctx, id)
	// A file that is about to be removed is not taken any more, and one that is
	// still arriving not yet.
	late := f.Sent == "" && s.now().Sub(f.At) > DedupeFor
	if err == nil && (f.User != who.User.ID || f.File.Type == "" || late) {
		err = ErrNotFound
	}
	if errors.Is(err, ErrNotFound) {
		err = &Error{Code: CodeNotFound, Field: "files",
			Message: "This upload was not found, or has expired. Upload the file again."}
	}
	if err != nil {
		return claimedFile{}, err
	}
	if f.Sent != send {
		if f.Sent != "" && !f.Refused {
			return claimedFile{}, &Error{Code: CodeConflict, Field: "files",
				Message: "This file has already been sent. Upload it again."}
		}
		f.Sent, f.Room, f.SentAt = send, room, s.now()
	}
	// Written also when this send has it already: a repetition that is refused
	// then frees nothing that this one goes on to send.
	f.Refused = false
	f.version, err = s.putUpload(ctx, f.version, f.upload)
	return f, err
}

func (s *Service) readUpload(ctx context.Context, id string) (claimedFile, error) {
	var f claimedFile
	r, err := s.Store.Record(ctx, uploadKind, id)
	if err == nil {
		f.version, err = r.Version, json.Unmarshal(r.Value, &f.upload)
	}
	return f, err
}

// releaseFiles frees files whose send was refused. If that fails,
// [Service.Maintain] removes those that no message has.
func (s *Service) releaseFiles(ctx context.Context, taken []claimedFile) {
	ctx = context.WithoutCancel(ctx)
	for _, f := range taken {
		f.Refused = true
		_, err := s.putUpload(ctx, f.version, f.upload)
		if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
			s.Log.Error("free the file of a refused message", slog.Any("error", err))
		}
	}
}

// attachFiles notes that a message has the files. If that fails,
// [Service.Maintain] looks for the message.
func (s *Service) attachFiles(ctx context.Context, taken []claimedFile, m Message) {
	ctx = context.WithoutCancel(ctx)
	for _, f := range taken {
		if !slices.ContainsFunc(m.Files, func(has File) bool { return has.ID == f.File.ID }) {
			continue // a repetition with other files
		}
		f.Refused, f.No = false, m.No
		_, err := s.putUpload(ctx, f.version, f.upload)
		for tries := 0; errors.Is(err, ErrConflict) && tries < 3; tries++ { // repeated meanwhile
			var now claimedFile
			if now, err = s.readUpload(ctx, f.File.ID); err == nil {
				_, err = s.putUpload(ctx, now.version, f.upload)
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			s.Log.Error("note the message of a file", slog.Any("error", err))
		}
	}
}

// certain reports whether a change that failed so was certainly not made.
func certain(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code != CodeUnavailable && e.Code != CodeInternal
}

// FileInput names a file of a message.
type FileInput struct {
	Room  RoomID `json:"room" doc:"Id of the room"`
	No    int64  `json:"no" doc:"Number of the message"`
	File  string `json:"file" doc:"Id of the file"`
	Width int    `json:"width,omitempty" doc:"Pictures: the smallest one whose longer side has at least so many pixels, if it is smaller than the file"`
}

// plainFile is the type of a file that is shown to no one in place.
const plainFile = "application/octet-stream"

// OpenFile returns a file of a message that the caller may read.
func (s *Service) OpenFile(ctx context.Context, who Caller, in FileInput) (File, Content, error) {
	if err := s.mayOpen(ctx, who); err != nil {
		return File{}, Content{}, err
	}
	m, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No})
	if err != nil {
		return File{}, Content{}, err
	}
	for _, f := range m.Files {
		if f.ID == in.File && s.Files != nil {
			content, err := s.Files.Open(ctx, f.ID, in.Width)
			if f.Type == plainFile { // its bytes may look like a picture that nobody can decode
				content.Type, content.Inline = f.Type, false
			}
			return f, content, err
		}
	}
	return File{}, Content{}, ErrNotFound
}

// fileLocation is where a file that may have to go belongs.
type fileLocation struct {
	Room RoomID `json:"room"`
	No   int64  `json:"no"`
}

// discard runs what takes messages away, and removes their files. If it is cut
// short, the files go with [Service.Maintain].
func (s *Service) discard(ctx context.Context, messages []Message, remove func() error) error {
	var ids []string
	for _, m := range messages {
		for _, f := range m.Files {
			value, err := json.Marshal(fileLocation{m.Room, m.No})
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
	if err := s.deleteFiles(ctx, ids...); err != nil {
		s.Log.Error("files of deleted messages could not be removed; it is tried again",
			slog.Any("error", err))
	}
	return nil
}

// deleteFiles removes files, and then what says that they are to be removed.
func (s *Service) deleteFiles(ctx context.Context, ids ...string) error {
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

// pruneFiles removes files that were never sent, and those whose messages are
// gone.
func (s *Service) pruneFiles(ctx context.Context) error {
	if s.Files == nil {
		return nil
	}
	err := s.eachRecord(ctx, uploadKind, func(r Record) error {
		var u upload
		if err := json.Unmarshal(r.Value, &u); err != nil || s.now().Sub(u.At) < uploadFor {
			return err
		}
		sent, err := s.isSent(ctx, u)
		if err == nil && !sent {
			err = s.Files.Remove(ctx, r.ID)
		}
		if err != nil {
			return err
		}
		return s.Store.DeleteRecord(ctx, uploadKind, r.ID)
	})
	if err != nil {
		err = fmt.Errorf("uploads: %w", err)
	}
	trashErr := s.eachRecord(ctx, trashKind, func(r Record) error {
		var at fileLocation
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
		return s.deleteFiles(ctx, r.ID)
	})
	if trashErr != nil {
		trashErr = fmt.Errorf("files of deleted messages: %w", trashErr)
	}
	return errors.Join(err, trashErr, s.pruneAvatars(ctx))
}

// isSent reports whether a message has the file of an upload, or had it. Where
// a crash has left that open, the room says it.
func (s *Service) isSent(ctx context.Context, u upload) (bool, error) {
	if u.No > 0 || u.Sent == "" {
		return u.No > 0, nil
	}
	if u.Room == "" { // sent before this was recorded
		return true, nil
	}
	for page := (Page{From: Newest, Limit: s.Limits.PageMax}); ; {
		messages, err := s.Store.Messages(ctx, u.Room, page)
		if errors.Is(err, ErrNotFound) || err == nil && len(messages) == 0 {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			if slices.ContainsFunc(m.Files, func(f File) bool { return f.ID == u.File.ID }) {
				return true, nil
			}
		}
		if messages[0].At.Before(u.SentAt.Add(-clockSlack)) {
			return false, nil
		}
		page = Page{From: Before, No: messages[0].No, Limit: s.Limits.PageMax}
	}
}
