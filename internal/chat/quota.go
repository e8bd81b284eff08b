package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// weightKind is the kind of record of what all files weighed when they were
// last looked at. There is one, weightID.
const (
	weightKind = "weight"
	weightID   = "files"
)

// weight is how much all files take. Nothing is added up over time: it is what
// is there, read from the depot again and again, and since then the uploads
// that are remembered. What was removed since then still counts until it is
// read anew.
type weight struct {
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"`   // when reading began
	Next  string    `json:"next"` // an id made then
	// one made when reading began the time before: an upload of that age may
	// have ended since
	From string `json:"from,omitempty"`
}

// skew is how much the clocks of nodes may differ for an upload not to be
// overlooked until files are weighed again.
const skew = time.Minute

// measureFiles reads what all files take, if that is limited.
func (s *Service) measureFiles(ctx context.Context) error {
	if s.Files == nil || s.Limits.Files == 0 {
		return nil
	}
	last, version, err := s.weight(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	w := weight{At: s.now(), Next: s.NewID(), From: last.Next}
	if w.Bytes, err = s.Files.Usage(ctx); err != nil {
		return err
	}
	value, err := json.Marshal(w)
	if err == nil {
		_, err = s.Store.PutRecord(ctx, weightKind, weightID, version, value)
	}
	if errors.Is(err, ErrConflict) { // another has done it meanwhile
		return nil
	}
	return err
}

func (s *Service) weight(ctx context.Context) (w weight, version int64, err error) {
	r, err := s.Store.Record(ctx, weightKind, weightID)
	if err == nil {
		err = json.Unmarshal(r.Value, &w)
	}
	return w, r.Version, err
}

// spaceFor returns how many bytes a file may have besides all others.
func (s *Service) spaceFor(ctx context.Context, id string) (int64, error) {
	w, _, err := s.weight(ctx)
	if errors.Is(err, ErrNotFound) {
		if err = s.measureFiles(ctx); err == nil {
			w, _, err = s.weight(ctx)
		}
	}
	if err != nil {
		return 0, err
	}
	left := s.Limits.Files - w.Bytes
	err = s.recordsAfter(ctx, uploadKind, w.From, func(r Record) error {
		var u upload
		if err := json.Unmarshal(r.Value, &u); err != nil {
			return err
		}
		if r.ID != id && u.File.Type != "" && !u.At.Before(w.At.Add(-skew)) {
			left -= u.File.Size
		}
		return nil
	})
	return left, err
}

// fits takes a file from r, or refuses it where all files together are limited
// and it does not fit beside the others. Of files that arrive at the same time
// none goes over the limit: each is judged again once it has arrived, and
// whoever comes last sees all.
func (s *Service) fits(ctx context.Context, id string, save func(most int64) (File, error)) (File, error) {
	most := s.Limits.File
	if s.Limits.Files == 0 {
		return save(most)
	}
	left, err := s.spaceFor(ctx, id)
	if err != nil {
		return File{}, err
	}
	if left <= 0 {
		return File{}, s.noSpace()
	}
	file, err := save(min(most, left))
	if errors.Is(err, ErrTooLarge) && left < most {
		return File{}, s.noSpace()
	}
	return file, err
}

// stillFits judges a file that has arrived, beside those that have meanwhile.
func (s *Service) stillFits(ctx context.Context, file File) error {
	if s.Limits.Files == 0 {
		return nil
	}
	left, err := s.spaceFor(ctx, file.ID)
	if err == nil && file.Size > left {
		err = s.noSpace()
	}
	return err
}

func (s *Service) noSpace() error {
	return &Error{Code: CodeTooLarge,
		Message: fmt.Sprintf("There is no space left for this file. All files together can have at most %.4g MiB. Delete some and wait ten minutes, or tell your administrator.",
			float64(s.Limits.Files)/(1<<20))}
}
