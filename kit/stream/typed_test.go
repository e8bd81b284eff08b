package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

type order struct {
	Item string `json:"item"`
	N    int    `json:"n"`
}

// TestTyped has two values, and between them a payload that is none.
func TestTyped(t *testing.T) {
	client := redistest.Single(t).Client(t)
	topic, err := NewTyped[order](client, "typed", TopicOptions{})
	wantNoError(t, err)
	tea, cups := order{"tea", 2}, order{"cup", 1}
	_, err = topic.Append(t.Context(), tea)
	wantNoError(t, err)
	bad, err := topic.Topic.Append(t.Context(), `{"n":"many"}`)
	wantNoError(t, err)
	last, err := topic.Append(t.Context(), cups)
	wantNoError(t, err)

	var seen []order
	follow := func(after string) error {
		return topic.Follow(t.Context(), after, func(e Event, o order) error {
			if seen = append(seen, o); e.Position == last {
				return errors.New("enough")
			}
			return nil
		}, FollowOptions{})
	}
	if err := follow(Beginning); err == nil || !strings.Contains(err.Error(), "decode event "+bad) {
		t.Errorf("a payload that is no order: %v", err)
	}
	if err := follow(bad); err == nil || err.Error() != "enough" {
		t.Errorf("what follows: %v", err)
	}
	if len(seen) != 2 || seen[0] != tea || seen[1] != cups {
		t.Errorf("followed %v", seen)
	}

	group, err := topic.Group("g", GroupOptions{MaxDeliveries: 1, OnError: func(error) {}})
	wantNoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	handled := map[order]int{}
	err = group.Consume(ctx, func(_ context.Context, d Delivery, o order) error {
		if handled[o]++; d.Position == last { // one at a time, so the others are done
			stop()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(handled) != 2 || handled[tea] != 1 || handled[cups] != 1 {
		t.Errorf("%v, %v", handled, err)
	}
	letters := 0
	for letter, err := range group.DeadLetters(t.Context(), "") {
		wantNoError(t, err)
		if letters++; letter.Position != bad || !strings.Contains(letter.Reason, "decode") {
			t.Errorf("%+v", letter)
		}
	}
	if letters != 1 {
		t.Errorf("%d dead letters", letters)
	}

	functions, err := NewTyped[func()](client, "typed", TopicOptions{})
	wantNoError(t, err)
	if _, err := functions.Append(t.Context(), nil); err == nil {
		t.Error("a function was appended")
	}
}
