package chat

import "context"

type queuedKey struct{}

// WithQueued returns a context for [Service.Send], which calls f as described
// at [Change.OnQueued]: whoever sends many messages in order hands in the next
// one then, and need not wait until this one is durable.
func WithQueued(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, queuedKey{}, f)
}
