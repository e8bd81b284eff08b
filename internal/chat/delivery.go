package chat

import "time"

// Delivery is one attempt to deliver an event to an outgoing webhook.
type Delivery struct {
	Webhook Outgoing
	Secret  string // key of the signature
	Event   Event
}

// DeliveryError is a failed delivery. Its Reason may be shown to people.
type DeliveryError struct {
	Reason     string
	Gone       bool          // the receiver ended the subscription
	Final      bool          // it is of no use to try this once more
	RetryAfter time.Duration // requested by the receiver; 0 if not
}

func (e *DeliveryError) Error() string { return e.Reason }
