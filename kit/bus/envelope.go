package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

// An Envelope is an event with what its receivers need to know about it. On the
// wire it is one JSON object that programs in any language can read and write:
//
//	{"type":"user.renamed","id":"5KQ…","time":"2026-03-01T12:00:00.123456Z","origin":"node-3","data":{…}}
//
// Members that are not named here are ignored; data is any JSON value, or
// absent.
type Envelope struct {
	Type string `json:"type"` // what happened; chosen by the publisher
	ID   string `json:"id"`   // unique, at most 26 characters if NewEnvelope made it
	// when it was made, by the publisher's clock, in RFC 3339
	Time time.Time `json:"time"`
	// which process published it, so that it can ignore its own
	Origin string          `json:"origin,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// NewEnvelope returns an envelope with a random id and the present time. Nil
// data is left out.
func NewEnvelope(typ, origin string, data any) (Envelope, error) {
	e := Envelope{Type: typ, ID: rand.Text(), Time: time.Now().UTC(), Origin: origin}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return Envelope{}, fmt.Errorf("bus: data of a %q: %w", typ, err)
		}
		e.Data = raw
	}
	return e, nil
}

// ParseEnvelope reads what an envelope looks like on the wire. One without a
// type is an error.
func ParseEnvelope(payload string) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal([]byte(payload), &e); err != nil {
		return Envelope{}, fmt.Errorf("bus: not an envelope: %w", err)
	}
	if e.Type == "" {
		return Envelope{}, fmt.Errorf("bus: not an envelope: it has no type")
	}
	return e, nil
}

// Decode reads the data into a pointer, as encoding/json does.
func (e Envelope) Decode(into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("bus: data of a %q: %w", e.Type, err)
	}
	return nil
}

// Publish publishes an envelope to the channel's present subscribers. Redis
// keeps nothing: who is not there misses it.
func Publish(ctx context.Context, client rueidis.Client, channel string, e Envelope) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("bus: publish: %w", err)
	}
	if err := client.Do(ctx, client.B().Publish().Channel(channel).Message(
		string(payload)).Build()).Error(); err != nil {
		return fmt.Errorf("bus: publish: %w", exec.Unavailable(ctx, err))
	}
	return nil
}

// SPublish is Publish for sharded channels.
func SPublish(ctx context.Context, client rueidis.Client, channel string, e Envelope) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("bus: publish: %w", err)
	}
	if err := client.Do(ctx, client.B().Spublish().Channel(channel).Message(
		string(payload)).Build()).Error(); err != nil {
		return fmt.Errorf("bus: publish: %w", exec.Unavailable(ctx, err))
	}
	return nil
}
