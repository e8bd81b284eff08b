package chat

import "context"

// Tend forgets what is past its time. It is to be called now and then, on one
// node at a time.
func (s *Service) Tend(ctx context.Context) error {
	for {
		more, err := s.Store.Prune(ctx, s.now())
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if err := s.retain(ctx); err != nil {
		return err
	}
	if err := s.tidyPeople(ctx); err != nil {
		return err
	}
	if err := s.tidyAudit(ctx); err != nil {
		return err
	}
	if err := s.tidyBans(ctx); err != nil {
		return err
	}
	if err := s.tidyFiles(ctx); err != nil {
		return err
	}
	return s.weighFiles(ctx)
}
