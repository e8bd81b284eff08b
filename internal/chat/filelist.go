package chat

import (
	"context"
	"slices"
	"strings"
	"time"
)

// FileKind is how people tell files apart.
type FileKind string

// Kinds of files.
const (
	FilePicture  FileKind = "picture"  // with width and height
	FileMedia    FileKind = "media"    // sound and video
	FileDocument FileKind = "document" // all others
)

// Kind is f's kind, by its media type.
func (f *File) Kind() FileKind {
	switch {
	case f.Width > 0 && strings.HasPrefix(f.Type, "image/"):
		return FilePicture
	case f.Voice, strings.HasPrefix(f.Type, "audio/"), strings.HasPrefix(f.Type, "video/"),
		f.Type == "application/ogg":
		return FileMedia
	}
	return FileDocument
}

// FileListInput asks for files of a room.
type FileListInput struct {
	Room   RoomID   `json:"room" doc:"Id of the room"`
	Kind   FileKind `json:"kind,omitempty" enum:"picture,media,document" doc:"Only these: pictures, sound and video, or all others"`
	Cursor string   `json:"cursor,omitempty" doc:"next of the answer before; or a message's time in milliseconds since 1970, a dot and its id: only what is older"`
	Limit  int      `json:"limit,omitempty" doc:"Most messages whose files to return; default 50"`
}

// RoomFile is a file of a room, with its message.
type RoomFile struct {
	Room RoomID    `json:"room" doc:"Room or thread of the message"`
	No   int64     `json:"no" doc:"Number of the message"`
	From UserID    `json:"from" doc:"Who sent it"`
	At   time.Time `json:"at" doc:"When it was sent"`
	File File      `json:"file" doc:"The file"`
}

// FileList is a page of a room's files.
type FileList struct {
	Files []RoomFile `json:"files" doc:"Newest first; those of one message in their order there"`
	Next  string     `json:"next,omitempty" doc:"Cursor for older ones; empty if there are none"`
}

// ListFiles returns files of a room and of the threads in it that the caller
// follows. It reads back through the messages, so that each is as it is now:
// the files of a deleted one are gone.
func (s *Service) ListFiles(ctx context.Context, who Caller, in FileListInput) (FileList, error) {
	if in.Kind != "" && !slices.Contains([]FileKind{FilePicture, FileMedia, FileDocument}, in.Kind) {
		return FileList{}, invalid("kind", "kind must be picture, media or document.")
	}
	before, err := parseCursor(in.Cursor)
	if err != nil {
		return FileList{}, err
	}
	limit, err := s.pageLimit(in.Limit, 50)
	if err != nil {
		return FileList{}, err
	}
	if err := s.limit(ctx, "search:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return FileList{}, err
	}
	views, err := s.withThreads(ctx, who, in.Room)
	if err != nil {
		return FileList{}, err
	}
	found, err := scanMessages(ctx, s.Store, views, Query{File: true, FileKind: in.Kind}, before, limit)
	if err != nil {
		return FileList{}, err
	}
	found = found.bounded()
	out := FileList{Files: []RoomFile{}, Next: found.Until.String()}
	for _, m := range found.Messages {
		for _, f := range m.Files {
			if in.Kind == "" || f.Kind() == in.Kind {
				out.Files = append(out.Files, RoomFile{m.Room, m.No, m.From, m.At, f})
			}
		}
	}
	return out, nil
}

// withThreads returns a room and those of its threads that the caller follows,
// as they see them.
func (s *Service) withThreads(ctx context.Context, who Caller, room RoomID) ([]RoomView, error) {
	view, err := s.view(ctx, who, room)
	if err != nil || view.Kind == ThreadRoom {
		return []RoomView{view}, err
	}
	all, err := s.Store.Views(ctx, who.User.ID)
	threads := slices.DeleteFunc(all, func(v RoomView) bool { return v.Parent != room })
	return append(threads, view), err
}
