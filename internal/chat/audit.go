package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The audit log records what owners, admins and moderators do to people, rooms
// and the server. An entry is written before the action, so that nothing goes
// unrecorded; failed actions may have an entry too.
//
// Entries are records, under "*/<id>", and those of a room under "<room>/<id>"
// as well. Ids fall with time, so that the newest comes first.

const (
	auditKind = "audit"
	auditAll  = "*"
	// auditFor is how long entries are kept.
	auditFor = 366 * 24 * time.Hour
	// auditStep is how many entries one call of [Service.Maintain] forgets at
	// most.
	auditStep = 10_000
	// maxReason bounds what is given as a reason, in characters.
	maxReason = 250
)

// AuditEntry is one entry of the audit log.
type AuditEntry struct {
	ID     string    `json:"id" doc:"Id; falls with time"`
	At     time.Time `json:"at" doc:"When"`
	By     UserID    `json:"by,omitempty" doc:"Who did it; empty for the server's operator"`
	Action string    `json:"action" doc:"Name of the action"`
	User   UserID    `json:"user,omitempty" doc:"To whom"`
	Room   RoomID    `json:"room,omitempty" doc:"Where"`
	Detail string    `json:"detail,omitempty" doc:"Details, such as the new role"`
	Reason string    `json:"reason,omitempty" doc:"Reason, if given"`
}

// AuditInput asks for a page of the audit log.
type AuditInput struct {
	After string `json:"after,omitempty" doc:"Only entries after this one: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 50"`
	Room  RoomID `json:"room,omitempty" doc:"Only entries about this room"`
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Entries []AuditEntry `json:"entries" doc:"Newest first"`
	Next    string       `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
}

// audit records an action before it is done. If audit fails the action must not
// be done. ID, At and By are filled in. Actions on oneself are not recorded.
// People outside the room can read entries, so they must not contain texts of
// messages or names and topics of rooms.
func (s *Service) audit(ctx context.Context, who Caller, e AuditEntry) error {
	if e.User != "" && e.User == who.User.ID {
		return nil
	}
	return s.record(ctx, who, e)
}

// record is audit for actions that are recorded also on oneself.
func (s *Service) record(ctx context.Context, who Caller, e AuditEntry) error {
	if !who.Anonymous() {
		if err := s.limit(ctx, "audit:"+string(who.User.ID), s.Limits.Audits); err != nil {
			return err
		}
	}
	e.At, e.By = s.now(), who.User.ID
	e.ID = auditID(e.At) + falling(s.NewID())
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	scopes := []string{auditAll}
	if e.Room != "" {
		scopes = append(scopes, string(e.Room))
	}
	for _, scope := range scopes {
		if _, err := s.Store.PutRecord(ctx, auditKind, scope+"/"+e.ID, 0, value); err != nil {
			return fmt.Errorf("write into the audit log: %w", err)
		}
	}
	return nil
}

// auditID begins the ids of entries of a time: what is left from then until the
// year 10889, as 12 digits.
func auditID(at time.Time) string { return fmt.Sprintf("%012x", 1<<48-1-at.UnixMilli()) }

// falling turns ids that rise with time into ids of the same length that fall.
func falling(id string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := []byte(id)
	for i, c := range b {
		if at := strings.IndexByte(digits, c); at >= 0 {
			b[i] = digits[len(digits)-1-at]
		}
	}
	return string(b)
}

// reason checks a given reason.
func reason(text string) (string, error) { return line("reason", text, 0, maxReason) }

// ListAudit returns a page of the audit log: all of it to admins and owners,
// that of a room also to its moderators.
func (s *Service) ListAudit(ctx context.Context, who Caller, in AuditInput) (AuditPage, error) {
	limit, err := s.pageLimit(in.Limit, 50)
	if err != nil {
		return AuditPage{}, err
	}
	scope := auditAll
	if in.Room != "" {
		scope = string(in.Room)
	}
	if !who.User.Role.mayAlways(RightAudit) {
		if in.Room == "" {
			return AuditPage{}, ErrForbidden
		}
		if _, err := s.moderated(ctx, who, in.Room); err != nil {
			return AuditPage{}, err
		}
	}
	entries, err := s.auditEntries(ctx, scope, in.After, limit+1)
	if err != nil {
		return AuditPage{}, err
	}
	page := AuditPage{Entries: entries}
	if len(entries) > limit {
		page.Entries = entries[:limit]
		page.Next = entries[limit-1].ID
	}
	return page, nil
}

// auditEntries returns up to limit entries after an id, newest first.
func (s *Service) auditEntries(ctx context.Context, scope, after string, limit int) ([]AuditEntry, error) {
	if len(after) > 100 {
		return nil, invalid("after", "after must be the next value of the previous page.")
	}
	entries := []AuditEntry{}
	records, err := s.Store.Records(ctx, auditKind, scope+"/"+after, limit)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if !strings.HasPrefix(r.ID, scope+"/") {
			break
		}
		var e AuditEntry
		if err := json.Unmarshal(r.Value, &e); err != nil {
			return nil, fmt.Errorf("audit entry %s: %w", r.ID, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// pruneAudit deletes expired entries, a limited number per call.
func (s *Service) pruneAudit(ctx context.Context) error {
	old := auditID(s.now().Add(-auditFor))
	for range max(1, auditStep/s.Limits.PageMax) {
		entries, err := s.auditEntries(ctx, auditAll, old, s.Limits.PageMax)
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		for _, e := range entries {
			scopes := []string{auditAll} // last, so that what was begun is found again
			if e.Room != "" {
				scopes = []string{string(e.Room), auditAll}
			}
			for _, scope := range scopes {
				if err := s.Store.DeleteRecord(ctx, auditKind, scope+"/"+e.ID); err != nil &&
					!errors.Is(err, ErrNotFound) {
					return fmt.Errorf("audit log: %w", err)
				}
			}
		}
		if len(entries) < s.Limits.PageMax {
			return nil
		}
	}
	return nil
}
