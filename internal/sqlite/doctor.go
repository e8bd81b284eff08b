package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/flock"
)

// With less free space than this, doctor warns.
const (
	freeLeast = 100 << 20
	freeGood  = 1 << 30
)

// doctor examines a directory for the store.
func doctor(dir string) ([]backend.Finding, error) {
	place, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []backend.Finding{{Level: backend.Note, About: "data",
			Is:   "there are none in " + place,
			Mend: "the first parley serve makes them; --data names another directory"}}, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []backend.Finding{{Level: backend.Refusal, About: "data",
			Is: place + " is no directory", Mend: "--data"}}, nil
	}
	var findings []backend.Finding
	add := func(level backend.Level, about, is, risk, mend string) {
		findings = append(findings, backend.Finding{Level: level, About: about, Is: is,
			Risk: risk, Mend: mend})
	}
	if db, err := os.Stat(filepath.Join(dir, "parley.db")); err == nil {
		add(backend.OK, "data", fmt.Sprintf("in %s, %s", place, megabytes(uint64(db.Size()))), "", "")
	} else {
		add(backend.Note, "data", "none yet in "+place, "", "")
	}
	if readableByOthers(info) {
		add(backend.Warning, "rights",
			fmt.Sprintf("others may look into the directory (%v)", info.Mode().Perm()),
			"they can read everything", "chmod 700 "+place)
	} else {
		add(backend.OK, "rights", "for this account alone", "", "")
	}
	if !mayWrite(dir) {
		add(backend.Refusal, "rights", "this account may not write there", "",
			"run as the owner of "+place)
	}
	if free, err := diskFree(dir); err == nil {
		is := megabytes(free) + " free"
		switch {
		case free < freeLeast:
			add(backend.Warning, "disk", is, "when it is full, people can read and not send",
				"make room now")
		case free < freeGood:
			add(backend.Note, "disk", is, "when it is full, people can read and not send", "")
		default:
			add(backend.OK, "disk", is, "", "")
		}
	}
	held, err := lockHeld(filepath.Join(dir, "lock"))
	switch {
	case err != nil:
		add(backend.Warning, "lock", "cannot be looked at: "+err.Error(), "", "")
	case held:
		add(backend.OK, "lock", "held: a server runs on these data", "", "")
	default:
		add(backend.OK, "lock", "free: no server runs on these data", "", "")
	}
	return findings, nil
}

// lockHeld reports whether a process holds the lock. It takes a shared lock for
// some microseconds; a server that starts in that moment fails because the
// directory is in use.
func lockHeld(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = flock.TryShared(f)
	if errors.Is(err, flock.ErrHeld) {
		return true, nil
	}
	return false, err
}

func megabytes(n uint64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
