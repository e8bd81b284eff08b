// Package demo fills an empty server with four people who have something to say
// to each other.
package demo

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/internal/chat"
)

// Password is everybody's.
const Password = "password123"

var people = []string{"Pablo", "Joe", "Mary", "Alex"}

// general is who says what in General.
var general = []struct {
	who  int
	text string
}{
	{0, "Good morning! **Parley** is up. This is *General*, everybody is in here."},
	{1, "Morning :) That was one command?"},
	{0, "One: `make run`. Everything is in one file next to it, no database to set up."},
	{2, "And if I pull the plug?"},
	{0, "A message that shows a tick is on disk. Try it:\n\n```sh\nkill -9 $(pidof parley)\n```\n\nthen start it again."},
	{3, "I wrote while it was down. It went out by itself when it came back, once, in order."},
	{2, "> A message that shows a tick is on disk.\n\nThat is all I ever wanted from a chat."},
	{1, "Where do I find you all for a word in private?"},
	{3, "Click on a name on the left, or on anybody in the list of people of a room."},
}

// private is what the first of a pair, as numbered in people, says to the
// second.
var private = map[[2]int][]string{
	{0, 1}: {"Hi Joe, this room is only ours.", "Lunch at noon?"},
	{0, 2}: {"Mary, could you look at the numbers for Friday?"},
	{0, 3}: {"Thanks for testing, Alex."},
	{1, 2}: {"Is the projector free at three?"},
	{1, 3}: {"The coffee machine works again!"},
	{2, 3}: {"Alex, see you at the station at 8:10."},
}

// Fill makes people, rooms and messages on an empty server. It reports false,
// and does nothing, if there is anybody already.
func Fill(ctx context.Context, s *chat.Service) (bool, error) {
	there, err := s.Store.Users(ctx, "", 1)
	if err != nil || len(there) > 0 {
		return false, err
	}
	who := make([]chat.Caller, len(people))
	for i, name := range people {
		role := chat.RoleMember
		if i == 0 {
			role = chat.RoleOwner
		}
		user, err := s.AddUser(ctx, name, Password, role, "")
		if err != nil {
			return false, fmt.Errorf("add %s: %w", name, err)
		}
		who[i] = chat.Caller{User: user, Device: "demo"}
	}
	for i, m := range general {
		if err := say(ctx, s, who[m.who], chat.GeneralID, m.text, i); err != nil {
			return false, err
		}
	}
	for i := range people {
		for j := i + 1; j < len(people); j++ {
			room, err := s.OpenDirect(ctx, who[i], chat.OpenDirectInput{User: who[j].User.ID})
			if err != nil {
				return false, fmt.Errorf("open the room of %s and %s: %w", people[i], people[j], err)
			}
			for k, text := range private[[2]int{i, j}] {
				if err := say(ctx, s, who[i], room.ID, text, k); err != nil {
					return false, err
				}
			}
		}
	}
	return true, nil
}

func say(ctx context.Context, s *chat.Service, who chat.Caller, room chat.RoomID, text string, n int) error {
	_, err := s.Send(ctx, who, chat.SendInput{Room: room, Text: text, ClientID: fmt.Sprintf("demo-%d", n)})
	if err != nil {
		return fmt.Errorf("message %d of %s: %w", n, who.User.Name, err)
	}
	return nil
}
