package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

const threadPrefix = "t-"

// ThreadID is the id of a message's thread. It is derived from the message, so
// there is only one.
func ThreadID(room RoomID, no int64) RoomID {
	sum := sha256.Sum256([]byte(string(room) + "\x00" + strconv.FormatInt(no, 10)))
	return RoomID(threadPrefix + hex.EncodeToString(sum[:13]))
}

// IsThread reports whether id is that of a thread.
func IsThread(id RoomID) bool { return strings.HasPrefix(string(id), threadPrefix) }

// home is the room whose members may read r: r itself, or the parent of a
// thread.
func (r Room) home() RoomID {
	if r.Kind == ThreadRoom {
		return r.Parent
	}
	return r.ID
}

// view returns a room as the caller sees it. All members of the parent room can
// see a thread; those who do not follow it have no unread messages in it.
func (s *Service) view(ctx context.Context, who Caller, id RoomID) (RoomView, error) {
	view, err := s.Store.View(ctx, id, who.User.ID)
	if !IsThread(id) || err != nil && !errors.Is(err, ErrNotFound) {
		return view, err
	}
	follows := err == nil
	if !follows {
		if view.Room, err = s.Store.Room(ctx, id); err != nil {
			return RoomView{}, err
		}
	}
	parent, err := s.Store.Member(ctx, view.Parent, who.User.ID)
	if err != nil || follows {
		view.Role = parent.Role // moderators of a room moderate its threads
		return view, err
	}
	heads, err := s.Store.Heads(ctx, RoomStream(id))
	if err != nil {
		return RoomView{}, err
	}
	view.Position, view.HeadNo, view.ReadNo, view.Role = heads[0].Position, heads[0].No,
		heads[0].No, parent.Role
	return view, nil
}

// FollowThread adds a message's thread to the caller's list, and creates the
// thread if necessary.
func (s *Service) FollowThread(ctx context.Context, who Caller, in MessageInput) (RoomView, error) {
	if err := s.limit(ctx, "mark:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return RoomView{}, err
	}
	id, err := s.thread(ctx, who, in, false)
	if err != nil {
		return RoomView{}, err
	}
	return s.view(ctx, who, id)
}

// mayWrite returns nil if the caller may write in a room or thread.
func (s *Service) mayWrite(ctx context.Context, who Caller, room Room) error {
	view, err := s.Store.View(ctx, room.home(), who.User.ID)
	if err != nil {
		return err
	}
	return s.judge(view)
}

// judge makes the checks of [Change].MustSpeak for threads.
func (s *Service) judge(home RoomView) error {
	switch {
	case home.Archived:
		return ErrArchived
	case home.Mute.active(s.now()):
		return Muted(home.Mute.Until)
	}
	return nil
}

// thread returns the id of a message's thread, and creates it with the author
// and the caller in it if necessary. Set writes if the caller is about to write
// in it; creating a thread counts as writing.
func (s *Service) thread(ctx context.Context, who Caller, in MessageInput, writes bool) (RoomID, error) {
	parent, err := s.Store.View(ctx, in.Room, who.User.ID)
	if err != nil {
		return "", err
	}
	if parent.Kind == ThreadRoom {
		return "", invalid("thread", "A thread cannot have threads. Reply in this one.")
	}
	mayNot := s.judge(parent)
	if writes && mayNot != nil {
		return "", mayNot
	}
	id := ThreadID(in.Room, in.No)
	if _, err := s.Store.Room(ctx, id); err == nil {
		return id, s.follow(ctx, who, id, who.User.ID)
	} else if !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if mayNot != nil {
		return "", mayNot
	}
	root, err := s.messageAt(ctx, in)
	if err == nil && root.Deleted() {
		err = ErrNotFound
	}
	if err != nil {
		return "", err
	}
	first := s.change(who, Change{Stream: RoomStream(id),
		Op: CreateRoom{Room: Room{ID: id, Kind: ThreadRoom, Parent: in.Room, Root: in.No,
			CreatedAt: s.now()}}})
	if _, err := s.Store.Commit(ctx, first); err != nil && !errors.Is(err, ErrConflict) {
		return "", err
	}
	if err := s.follow(ctx, who, id, who.User.ID); err != nil {
		return "", err
	}
	if _, err := s.Store.Member(ctx, in.Room, root.From); root.From != who.User.ID && err == nil {
		err = s.follow(ctx, who, id, root.From)
		return id, err
	}
	return id, nil
}

// threadFor returns the thread that a message is sent to, with the caller as a
// member.
func (s *Service) threadFor(ctx context.Context, who Caller, in SendInput) (Room, error) {
	id := in.Room
	if in.Thread != 0 {
		var err error
		if id, err = s.thread(ctx, who, MessageInput{Room: in.Room, No: in.Thread}, true); err != nil {
			return Room{}, err
		}
	}
	room, err := s.Store.Room(ctx, id)
	if err != nil {
		return Room{}, err
	}
	if in.Thread == 0 {
		if err := s.mayWrite(ctx, who, room); err != nil {
			return Room{}, err
		}
	}
	return room, s.follow(ctx, who, id, who.User.ID)
}

// follow adds a member of the parent room to a thread. People other than the
// caller are skipped if they already use half of their room limit, so that
// others cannot use it up.
func (s *Service) follow(ctx context.Context, who Caller, thread RoomID, user UserID) error {
	if _, err := s.Store.Member(ctx, thread, user); !errors.Is(err, ErrNotFound) {
		return err
	}
	err := s.roomForOneMore(ctx, who, user)
	if errors.Is(err, ErrForbidden) && user != who.User.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return s.enter(ctx, who, thread, user, RoomMember)
}

// countReplies updates what the message above a thread shows after a reply was
// deleted. It reads the thread, so that a count cannot drift: neither by two
// deletions at once nor by one that was interrupted.
func (s *Service) countReplies(ctx context.Context, who Caller, thread Room) error {
	now := Thread{Room: thread.ID}
	for page := (Page{From: After, Limit: s.Limits.PageMax}); ; {
		messages, err := s.Store.Messages(ctx, thread.ID, page)
		if err != nil {
			return err
		}
		for i := range messages {
			if !messages[i].Deleted() {
				now.Replies++
			}
		}
		n := len(messages)
		if n > 0 {
			page.No, now.LastAt = messages[n-1].No, messages[n-1].At
		}
		if n < page.Limit {
			now.Deleted = page.No - now.Replies // or deleted by age
			return s.updateThread(ctx, who, thread, now)
		}
	}
}

// updateThread updates what the message above a thread shows of it.
func (s *Service) updateThread(ctx context.Context, who Caller, thread Room, now Thread) error {
	_, err := s.Store.Commit(ctx, s.change(who, Change{Stream: RoomStream(thread.Parent),
		Op: MoveThread{No: thread.Root, Thread: now}}))
	if errors.Is(err, ErrNotFound) {
		return nil // the message was deleted by retention
	}
	return err
}

// leaveThreads removes a person from all threads of a room before they leave
// it.
func (s *Service) leaveThreads(ctx context.Context, who Caller, room RoomID, user UserID) error {
	views, err := s.Store.Views(ctx, user)
	if err != nil {
		return err
	}
	for _, v := range views {
		if v.Parent == room && v.Kind == ThreadRoom {
			if err := s.exit(ctx, who, v.ID, user, ""); err != nil {
				return err
			}
		}
	}
	return nil
}
