package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// documentKind is the kind of record of a person's document, with the id
// "<person>/<name>".
const documentKind = "document"

const (
	maxDocuments    = 20       // of a person
	maxDocument     = 48 << 10 // bytes of one, as JSON
	maxDocumentName = 32
)

// Document is a small JSON object that a person's clients keep for all of that
// person's devices: the order of the sidebar, settings, drafts. The server does
// not know what it says.
type Document struct {
	Name    string         `json:"name" doc:"Name: 1 to 32 lower-case letters"`
	Version int64          `json:"version" doc:"Greater with each change"`
	Value   map[string]any `json:"value" doc:"What the clients keep: a JSON object of at most 48 KiB"`
}

// DocumentList is the documents of a person.
type DocumentList struct {
	Documents []Document `json:"documents" doc:"Sorted by name"`
}

// PutDocumentInput replaces a document.
type PutDocumentInput struct {
	Name  string         `json:"name" doc:"Name: 1 to 32 lower-case letters"`
	Was   int64          `json:"was" doc:"Version that the change was made to; 0 for a new document"`
	Value map[string]any `json:"value" doc:"The whole document: a JSON object of at most 48 KiB"`
}

// ListDocuments returns the caller's documents.
func (s *Service) ListDocuments(ctx context.Context, who Caller, _ None) (DocumentList, error) {
	list := DocumentList{Documents: []Document{}}
	prefix := documentID(who.User.ID, "")
	for r, err := range s.prefixed(ctx, documentKind, prefix) {
		if err != nil {
			return DocumentList{}, err
		}
		d := Document{Name: strings.TrimPrefix(r.ID, prefix), Version: r.Version}
		if err := json.Unmarshal(r.Value, &d.Value); err != nil {
			return DocumentList{}, fmt.Errorf("document %s: %w", r.ID, err)
		}
		list.Documents = append(list.Documents, d)
	}
	return list, nil
}

// PutDocument replaces one of the caller's documents, unless it has changed
// since the version that the caller knows: ErrConflict. The caller's other
// clients are told by a signal.
func (s *Service) PutDocument(ctx context.Context, who Caller, in PutDocumentInput) (Document, error) {
	if in.Name == "" || len(in.Name) > maxDocumentName || strings.Trim(in.Name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return Document{}, invalid("name", "a document's name is 1 to %d lower-case letters", maxDocumentName)
	}
	if in.Value == nil || in.Was < 0 {
		return Document{}, invalid("value", "a document is a JSON object")
	}
	value, err := json.Marshal(in.Value)
	if err != nil {
		return Document{}, invalid("value", "a document is a JSON object")
	}
	if len(value) > maxDocument {
		return Document{}, &Error{Code: CodeTooLarge, Field: "value",
			Message: fmt.Sprintf("a document has at most %d bytes", maxDocument)}
	}
	if err := s.limit(ctx, "document:"+string(who.User.ID), s.Limits.Sends); err != nil {
		return Document{}, err
	}
	if in.Was == 0 {
		have, err := s.ListDocuments(ctx, who, None{})
		if err != nil {
			return Document{}, err
		}
		if len(have.Documents) >= maxDocuments {
			return Document{}, &Error{Code: CodeConflict,
				Message: fmt.Sprintf("a person has at most %d documents", maxDocuments)}
		}
	}
	version, err := s.Store.PutRecord(ctx, documentKind, documentID(who.User.ID, in.Name), in.Was, value)
	if errors.Is(err, ErrConflict) {
		return Document{}, &Error{Code: CodeConflict,
			Message: "this document has changed since that version: read it again"}
	}
	if err != nil {
		return Document{}, err
	}
	s.Bell.Signal(ctx, Signal{Stream: UserStream(who.User.ID), Kind: DocumentChanged,
		User: who.User.ID, Document: in.Name, Version: version})
	return Document{Name: in.Name, Version: version, Value: in.Value}, nil
}

func documentID(user UserID, name string) string { return string(user) + "/" + name }
