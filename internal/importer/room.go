package importer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/chat"
)

const maxDirect = 9 // people of a direct room

// room makes a room, unless it is there.
func (r *run) room(in *archive.Room) error {
	where := Thing{Where: "room " + shorten(cmp.Or(in.Name, in.ID))}
	if _, twice := r.roomIDs[in.ID]; twice || in.ID == "" {
		r.leftOut(archive.Rooms, 1, "its id is there twice, or missing", where)
		return nil
	}
	to, why, err := r.target(in)
	if err != nil {
		return fmt.Errorf("room %s: %w", in.ID, err)
	}
	if to == nil {
		r.leftOut(archive.Rooms, 1, why, where)
		return nil
	}
	if i, ok := r.here[to.ID]; ok { // two direct rooms of the same people
		r.roomIDs[in.ID] = i
		r.unchanged(archive.Rooms, 1)
		return nil
	}
	wish := to.Name
	there, err := r.Service.Store.Room(r.ctx, to.ID)
	made := errors.Is(err, chat.ErrNotFound)
	switch {
	case err != nil && !made:
		return err
	case !made:
		*to = there
	case !r.Importer.DryRun:
		if *to, made, err = r.Service.ImportRoom(r.ctx, *to); err != nil {
			return fmt.Errorf("room %s: %w", in.ID, err)
		}
	}
	here := &room{Room: *to, made: made, pins: -1, last: to.CreatedAt, source: in.ID}
	r.roomIDs[in.ID], r.here[to.ID] = len(r.rooms), len(r.rooms)
	r.rooms = append(r.rooms, here)
	where.Link = r.link(place{room: int32(len(r.rooms) - 1)})
	if made {
		r.taken(archive.Rooms, 1)
		switch {
		case to.Name != wish:
			r.changed(archive.Rooms, "the name is taken, too long, or cannot be shown as it was", where)
		case why != "":
			r.changed(archive.Rooms, why, where)
		}
	} else {
		r.unchanged(archive.Rooms, 1)
		if err := r.load(len(r.rooms) - 1); err != nil {
			return err
		}
	}
	if to.Kind == chat.Direct {
		for _, user := range to.People {
			here.members = append(here.members, member{user: user, at: to.CreatedAt})
		}
	}
	return nil
}

// target says which room it becomes here, and why it differs; nil if it is left
// out.
func (r *run) target(in *archive.Room) (to *chat.Room, why string, err error) {
	to = &chat.Room{ID: chat.RoomID(r.id("room", in.ID)), Kind: chat.RoomKind(in.Kind), Name: in.Name,
		Topic: in.Topic, CreatedAt: r.time(in.CreatedAt, r.Service.Now()), Archived: in.Archived,
		Announce: in.Announce, Retain: in.Retain, Slow: in.Slow}
	if p := r.people[in.By]; p != nil {
		to.CreatedBy = p.id
	}
	if in.General {
		general, err := r.general()
		if err != nil || general {
			to.ID, to.Kind, to.Name = chat.GeneralID, chat.Public, "General"
			return to, "", err
		}
	}
	switch to.Kind {
	case chat.Public, chat.Private:
	case chat.Direct:
		for _, id := range in.People {
			if p := r.people[id]; p != nil {
				to.People = append(to.People, p.id)
			}
		}
		slices.Sort(to.People)
		if to.People = slices.Compact(to.People); len(to.People) == 0 {
			return nil, "none of its people is in the export", nil
		}
		if n := len(to.People); n >= 2 && n <= maxDirect {
			to.ID, to.Name, to.Topic = chat.DirectID(to.People...), "", ""
			return to, "", nil
		}
		why = "a direct room has two to nine people: it is a private room here"
		to.Kind, to.People, to.Name = chat.Private, nil, cmp.Or(in.Name, "Direct messages")
	default:
		return nil, "no room here is of this kind", nil
	}
	if r.own() && valid(in.ID) && !chat.IsThread(chat.RoomID(in.ID)) {
		there, err := r.Service.Store.Room(r.ctx, chat.RoomID(in.ID))
		if errors.Is(err, chat.ErrNotFound) || err == nil && there.CreatedAt.Equal(in.CreatedAt) {
			to.ID = chat.RoomID(in.ID)
		} else if err != nil {
			return nil, "", err
		}
	}
	return to, why, nil
}

// general reports whether the room that everyone is in becomes General: where
// no one has written in it yet, or this source has gone there before.
func (r *run) general() (bool, error) {
	if r.own() && r.header.Server == r.server {
		return true, nil
	}
	const kind = "importgeneral"
	_, err := r.Service.Store.Record(r.ctx, kind, r.name())
	if !errors.Is(err, chat.ErrNotFound) {
		return err == nil, err
	}
	heads, err := r.Service.Store.Heads(r.ctx, chat.RoomStream(chat.GeneralID))
	if err != nil || heads[0].No > 0 || r.Importer.DryRun {
		return err == nil && heads[0].No == 0, err
	}
	_, err = r.Service.Store.PutRecord(r.ctx, kind, r.name(), 0, []byte("{}"))
	return true, err
}

// load reads which messages a room has.
func (r *run) load(at int) error {
	room := r.rooms[at]
	for after := int64(0); ; {
		page, err := r.Service.Store.Messages(r.ctx, room.ID, chat.Page{From: chat.After, No: after,
			Limit: 500})
		if err != nil {
			return err
		}
		for i := range page {
			m := &page[i]
			r.places[r.key(m.ID)] = place{room: int32(at), no: int32(m.No),
				reply: room.Kind == chat.ThreadRoom}
			after, room.newest, room.lastAt = m.No, m.No, m.At
			if m.Deleted() {
				room.deleted++
			}
		}
		if len(page) < 500 {
			return nil
		}
	}
}

func (r *run) member(in *archive.Member) {
	where := Thing{Where: "member " + in.Person + " of " + in.Room}
	at, ok := r.roomIDs[in.Room]
	p := r.people[in.Person]
	switch {
	case !ok:
		r.leftOut(archive.Members, 1, "the room is not imported", where)
	case p == nil:
		r.leftOut(archive.Members, 1, "the person is not in the export", where)
	case r.rooms[at].Kind == chat.Direct && in.Thread == "":
		r.unchanged(archive.Members, 1) // they are in it from the start
	default:
		room := r.rooms[at]
		room.members = append(room.members, member{p.id, r.time(in.At, room.CreatedAt),
			in.Moderator, in.Thread})
	}
}

// read marks as read what was imported into a room that people are in. A run
// before this one may have ended before it did.
func (r *run) read(room *room) error {
	if r.Importer.DryRun || !room.wrote && !r.Resumed {
		return nil
	}
	return r.Service.ReadImported(r.ctx, room.ID, func(id string) bool { return r.places[r.key(id)].fresh })
}

// enter puts the members into a room and its threads, after the messages, so
// that those are read.
func (r *run) enter(room *room) error {
	here := map[chat.RoomID][]chat.Member{}
	order := []chat.RoomID{}
	moderated := room.Kind != chat.Private
	first := -1
	for _, m := range room.members {
		to := room.ID
		if m.thread != "" {
			root, ok := r.places[r.key(r.messageID(room, m.thread))]
			if ok && r.Importer.DryRun {
				r.taken(archive.Members, 1)
				continue
			}
			if !ok || root.no == 0 {
				r.leftOut(archive.Members, 1, "the thread is not imported", Thing{Where: "thread of " + m.thread})
				continue
			}
			to = chat.ThreadID(room.ID, int64(root.no))
			if _, err := r.Service.Store.Room(r.ctx, to); errors.Is(err, chat.ErrNotFound) {
				if err := r.Service.ImportThreads(r.ctx, []chat.ImportedThread{{Parent: room.ID,
					Root: int64(root.no), Thread: chat.Thread{LastAt: m.at}}}); err != nil {
					return err
				}
			} else if err != nil {
				return err
			}
		}
		role := chat.RoomMember
		if m.moderator {
			role = chat.RoomModerator
		}
		if here[to] == nil {
			order = append(order, to)
		}
		if to == room.ID {
			moderated = moderated || m.moderator
			if first < 0 || m.user == room.CreatedBy {
				first = len(here[to])
			}
		}
		here[to] = append(here[to], chat.Member{User: m.user, Role: role, JoinedAt: m.at})
	}
	if !moderated && room.made && first >= 0 { // or else no one could ever change the room
		here[room.ID][first].Role = chat.RoomModerator
	}
	for _, to := range order {
		if err := r.put(room, to, here[to]); err != nil {
			return err
		}
	}
	room.members = nil
	return nil
}

// enterGeneral puts those into General whom no record has put there, once its
// messages are there, so that those are read.
func (r *run) enterGeneral() error {
	var members []chat.Member
	for _, p := range r.people {
		if p.general {
			members = append(members, chat.Member{User: p.id, Role: chat.RoomMember,
				JoinedAt: r.Service.Now()})
		}
	}
	slices.SortFunc(members, func(a, b chat.Member) int { return cmp.Compare(a.User, b.User) })
	_, err := r.Service.ImportMembers(r.ctx, chat.GeneralID, members)
	return err
}

func (r *run) put(room *room, to chat.RoomID, members []chat.Member) error {
	if r.Importer.DryRun {
		r.taken(archive.Members, r.counted(room, to, len(members)))
		return nil
	}
	results, err := r.Service.ImportMembers(r.ctx, to, members)
	if err != nil {
		return fmt.Errorf("members of room %s: %w", room.ID, err)
	}
	for i, result := range results {
		n := r.counted(room, to, 1)
		where := Thing{Where: "member " + string(members[i].User), Link: r.address(room.ID, 0, 0)}
		switch result {
		case chat.MemberAdded:
			r.taken(archive.Members, n)
		case chat.MemberThere:
			r.unchanged(archive.Members, n)
		case chat.MemberBanned:
			r.leftOut(archive.Members, n, "they are banned from the room", where)
		case chat.MemberFull:
			r.leftOut(archive.Members, n, "they are in as many rooms as one person can be", where)
		}
	}
	return nil
}

// counted is n, or 0 for people of a direct room, who are no records.
func (r *run) counted(room *room, to chat.RoomID, n int) int {
	if room.Kind == chat.Direct && room.ID == to {
		return 0
	}
	return n
}

// threads makes the threads that replies are for.
func (r *run) threads(replies []pending) error {
	var fresh []chat.ImportedThread
	for i := range replies {
		m := &replies[i]
		root := r.places[m.root]
		parent := r.rooms[root.room].ID
		m.Room = chat.ThreadID(parent, int64(root.no))
		if _, ok := r.here[m.Room]; !ok {
			r.addThread(root, true)
			fresh = append(fresh, chat.ImportedThread{Parent: parent, Root: int64(root.no),
				Thread: chat.Thread{LastAt: m.At}})
		}
	}
	return r.Service.ImportThreads(r.ctx, fresh)
}

func (r *run) addThread(root place, made bool) int {
	parent := r.rooms[root.room]
	id := chat.ThreadID(parent.ID, int64(root.no))
	r.here[id] = len(r.rooms)
	r.rooms = append(r.rooms, &room{Room: chat.Room{ID: id, Kind: chat.ThreadRoom, Parent: parent.ID,
		Root: int64(root.no), Retain: parent.Retain}, made: made, pins: -1})
	return len(r.rooms) - 1
}

// known reads the replies that the thread under a message has.
func (r *run) known(root place) error {
	if root.no == 0 || root.fresh && r.rooms[root.room].made {
		return nil
	}
	id := chat.ThreadID(r.rooms[root.room].ID, int64(root.no))
	if _, ok := r.here[id]; ok {
		return nil
	}
	if _, err := r.Service.Store.Room(r.ctx, id); err != nil {
		if errors.Is(err, chat.ErrNotFound) {
			err = nil
		}
		return err
	}
	at := r.addThread(root, false)
	if r.Resumed {
		r.move(r.rooms[at])
	}
	return r.load(at)
}
