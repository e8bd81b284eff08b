package redisstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// A member is stored in Redis as "<role> <time of joining>", and of those who
// were muted, or have spoken while the room was slow, as "<role> <time of
// joining> <spoke> <muted until> <mute as JSON>", with milliseconds since 1970,
// 0 for none.

// encodeMember encodes a member. Spoke is when they sent their last message in
// slow mode.
func encodeMember(m *chat.Member, spoke int64) (string, error) {
	place := string(m.Role) + " " + m.JoinedAt.UTC().Format(time.RFC3339Nano)
	if spoke == 0 && m.Mute == (chat.Mute{}) {
		return place, nil
	}
	mute, err := muteOf(m.Mute)
	return place + " " + num(spoke) + " " + mute, err
}

// muteOf is the end of an encoded member: "<muted until> <mute as JSON>", "0 "
// for none.
func muteOf(m chat.Mute) (string, error) {
	if m == (chat.Mute{}) {
		return "0 ", nil
	}
	m.Until = milli(m.Until)
	b, err := json.Marshal(m)
	return num(m.Until.UnixMilli()) + " " + string(b), err
}

func scanMember(room chat.RoomID, user chat.UserID, place string) (m chat.Member, spoke int64, err error) {
	m = chat.Member{Room: room, User: user}
	fields := strings.SplitN(place, " ", 5)
	if len(fields) != 2 && len(fields) != 5 {
		return m, 0, fmt.Errorf("member %s of %s: %q", user, room, place)
	}
	m.Role = chat.RoomRole(fields[0])
	at, err := time.Parse(time.RFC3339Nano, fields[1])
	if err == nil && len(fields) == 5 {
		spoke, err = strconv.ParseInt(fields[2], 10, 64)
		if err == nil && fields[4] != "" {
			err = json.Unmarshal([]byte(fields[4]), &m.Mute)
		}
	}
	if err != nil {
		return m, 0, fmt.Errorf("member %s of %s: %w", user, room, err)
	}
	m.JoinedAt = at.UTC()
	return m, spoke, nil
}

// levelOf decodes the notification level of a room on a person's list: 1 for
// the default.
func levelOf(listed string) chat.NotifyLevel {
	if listed == "1" {
		return chat.NotifyUsual
	}
	return chat.NotifyLevel(listed)
}

func listedAs(level chat.NotifyLevel) string {
	if level == chat.NotifyUsual {
		return "1"
	}
	return string(level)
}

// scanRoom reads a room's JSON.
func scanRoom(reply rueidis.RedisMessage, err error) (r chat.Room, _ error) {
	if err != nil {
		return r, err
	}
	text, err := reply.ToString()
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(renamed(text)), &r)
}

// renamed takes JSON of before layout 3 for what it would be now: those in a
// direct room were its pair. In a text inside of it the quotes would be
// escaped.
func renamed(text string) string { return strings.ReplaceAll(text, `"pair":[`, `"people":[`) }
