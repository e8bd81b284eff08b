package stream

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/rueidis"
)

// Typed is a topic whose payloads are values of T, encoded as JSON. What it
// costs and promises is what [Topic] does.
type Typed[T any] struct{ *Topic }

// NewTyped returns such a topic, which needs no creation in Redis.
func NewTyped[T any](client rueidis.Client, name string, opt TopicOptions) (Typed[T], error) {
	topic, err := NewTopic(client, name, opt)
	return Typed[T]{topic}, err
}

// Append is [Topic.Append] with a value.
func (t Typed[T]) Append(ctx context.Context, value T) (position string, err error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("stream: append to %s: %w", t.name, err)
	}
	return t.Topic.Append(ctx, string(payload))
}

// Follow is [Topic.Follow] with a handler that gets values. A payload that is
// no T ends it with an error, like an error of the handler.
func (t Typed[T]) Follow(ctx context.Context, after string, handler func(Event, T) error,
	opt FollowOptions) error {
	return t.Topic.Follow(ctx, after, func(e Event) error {
		value, err := decode[T](e)
		if err != nil {
			return fmt.Errorf("stream: topic %s: %w", t.name, err)
		}
		return handler(e, value)
	}, opt)
}

// Group is [Topic.Group] for handlers that get values.
func (t Typed[T]) Group(name string, opt GroupOptions) (TypedGroup[T], error) {
	g, err := t.Topic.Group(name, opt)
	return TypedGroup[T]{g}, err
}

// TypedGroup is a group of a [Typed] topic.
type TypedGroup[T any] struct{ *Group }

// Consume is [Group.Consume] with a handler that gets values. An event whose
// payload is no T fails as if its handler had: it comes again, perhaps to a
// worker of a newer version, and becomes a dead letter at the end.
func (g TypedGroup[T]) Consume(ctx context.Context,
	handler func(context.Context, Delivery, T) error) error {
	return g.Group.Consume(ctx, func(ctx context.Context, d Delivery) error {
		value, err := decode[T](d.Event)
		if err != nil {
			return err
		}
		return handler(ctx, d, value)
	})
}

func decode[T any](e Event) (value T, err error) {
	if err := json.Unmarshal([]byte(e.Payload), &value); err != nil {
		return value, fmt.Errorf("decode event %s: %w", e.Position, err)
	}
	return value, nil
}
