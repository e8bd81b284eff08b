package chat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Guesses at a password are limited by name and by address. Whoever guesses
// must not keep the person out whose name it is: from a device or an address
// that they logged in from before, they have limits of their own instead.

// knownKind is the kind of record of where a person has logged in from, with
// the person's id.
const knownKind = "client"

const (
	maxKnown = 20                   // addresses and devices of a person
	knownFor = 366 * 24 * time.Hour // since the last log-in from there
	// knownEvery is how exactly the time of the last log-in is kept.
	knownEvery = 7 * 24 * time.Hour
)

// client is an address or a device, of which only a hash is kept.
type client struct {
	Hash string    `json:"hash"`
	At   time.Time `json:"at"`
}

// clientsOf returns the hashes of the caller's device and address for a person,
// the device first: others may share the address.
func clientsOf(user UserID, who Caller) (hashes []string) {
	if who.Device != "" {
		hashes = append(hashes, hashToken(string(user) + "\x00device\x00" + who.Device)[:32])
	}
	if who.Addr != "" {
		hashes = append(hashes, hashToken(string(user) + "\x00address\x00" + who.Addr)[:32])
	}
	return hashes
}

func (s *Service) clients(ctx context.Context, user UserID) (known []client, version int64, err error) {
	r, err := s.Store.Record(ctx, knownKind, string(user))
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &known)
	}
	now := s.now()
	known = slices.DeleteFunc(known, func(c client) bool { return now.Sub(c.At) > knownFor })
	return known, r.Version, err
}

// limitGuesses counts an attempt to log in by a name, which is that of the
// account, if there is one.
func (s *Service) limitGuesses(ctx context.Context, name string, user UserID, who Caller) error {
	addr := who.Addr
	if user != "" {
		known, _, err := s.clients(ctx, user)
		if err != nil {
			return err
		}
		for _, hash := range clientsOf(user, who) {
			if slices.ContainsFunc(known, func(c client) bool { return c.Hash == hash }) {
				name, addr = hash, hash
				break
			}
		}
	}
	if err := s.limit(ctx, "login:"+addr, s.Limits.Logins); err != nil {
		return err
	}
	return s.limit(ctx, "guess:"+name, s.Limits.Guesses)
}

// rememberClient records the client of a login, newest first. Of one from a
// device and an address that are both new, the person is warned by mail.
func (s *Service) rememberClient(ctx context.Context, user UserID, who Caller) error {
	for {
		known, version, err := s.clients(ctx, user)
		if err != nil {
			return err
		}
		now, changed := s.now(), false
		fresh := len(known) > 0 && !slices.ContainsFunc(known, func(c client) bool {
			return slices.Contains(clientsOf(user, who), c.Hash)
		})
		for _, hash := range clientsOf(user, who) {
			i := slices.IndexFunc(known, func(c client) bool { return c.Hash == hash })
			if i >= 0 && now.Sub(known[i].At) < knownEvery {
				continue
			}
			if i >= 0 {
				known = slices.Delete(known, i, i+1)
			}
			known, changed = slices.Insert(known, 0, client{hash, now}), true
		}
		if !changed {
			return nil
		}
		value, err := json.Marshal(known[:min(len(known), maxKnown)])
		if err != nil {
			return err
		}
		_, err = s.Store.PutRecord(ctx, knownKind, string(user), version, value)
		if err == nil && fresh {
			s.warn(ctx, user, Letter{Kind: LetterDevice, Agent: shorten(who.Agent, 200), Addr: who.Addr})
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}
