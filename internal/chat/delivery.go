package chat

import "time"

// Delivery is an event on its way to the receiver of an outgoing webhook.
type Delivery struct {
	Webhook Outgoing
	Secret  string // key of the signature
	Event   Event
}

// DeliveryError says why a receiver did not accept an event, in words that may
// be shown to people.
type DeliveryError struct {
	Reason     string
	Gone       bool          // the receiver wants nothing any more
	RetryAfter time.Duration // what the receiver asked for, 0 if nothing
}

func (e *DeliveryError) Error() string { return e.Reason }
