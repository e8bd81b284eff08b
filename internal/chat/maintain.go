package chat

import (
	"context"
	"errors"
)

// Maintain removes what has expired: sessions, invites and client ids, old
// messages, bans, audit entries and files that no message has. It also gives
// accounts what newer versions keep of them. Call it every few minutes, on one
// node at a time. What fails keeps nothing else from its
// turn; the errors are joined.
func (s *Service) Maintain(ctx context.Context) error {
	return errors.Join(s.prune(ctx), s.retain(ctx), s.enableDue(ctx), s.reopenAll(ctx), s.pruneAudit(ctx),
		s.pruneRestrictions(ctx), s.pruneLinks(ctx), s.pruneLogIns(ctx), s.endBotTokens(ctx, ""),
		s.giveLooks(ctx), s.listNames(ctx), s.pruneReports(ctx),
		s.pruneFiles(ctx), s.measureFiles(ctx))
}

func (s *Service) prune(ctx context.Context) error {
	for {
		if more, err := s.Store.Prune(ctx, s.now()); err != nil || !more {
			return err
		}
	}
}

// maxFailures is how many failures of one kind of work are gathered. Whatever
// it needs is away then, and the rest waits for the next time.
const maxFailures = 20

// failures gathers the errors of many pieces of work, so that one that fails
// does not keep the others from their turn.
type failures []error

// add keeps an error, if it is one. It returns it once there are too many, or
// when there is no more time: stop then.
func (f *failures) add(err error) error {
	if err == nil {
		return nil
	}
	*f = append(*f, err)
	if f.full() {
		return err
	}
	return nil
}

func (f failures) full() bool {
	return len(f) >= maxFailures || len(f) > 0 && isContextError(f[len(f)-1])
}
