package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/connect"
)

// doctor looks whether the place of the data is fit for them.
type doctor struct {
	where
}

// Run prints each finding, and fails if a server would refuse to start.
func (d doctor) Run(ctx context.Context, c console) error {
	if err := d.check(); err != nil {
		return err
	}
	var findings []redisstore.Finding
	if d.place().InRedis() {
		cfg, err := d.place().Redis()
		if err != nil {
			return flagged(err)
		}
		conn, err := connect.Open(ctx, cfg)
		if err != nil {
			return err
		}
		defer conn.Close()
		if findings, err = d.place().Consult(ctx, conn); err != nil {
			return err
		}
		fmt.Fprintln(c.out, "data:", d.place().Reach())
	} else {
		var err error
		if findings, err = examineDirectory(d.Data); err != nil {
			return err
		}
	}
	refusals := show(c.out, findings)
	if refusals > 0 {
		return fmt.Errorf("%d refusals: a server does not start here", refusals)
	}
	return nil
}

// show prints findings as a table, and returns how many refuse.
func show(out io.Writer, findings []redisstore.Finding) (refusals int) {
	at := ""
	for _, f := range findings {
		if f.Where != at {
			at = f.Where
			fmt.Fprintf(out, "\n%s\n", at)
		}
		fmt.Fprintf(out, "  %-8s %-22s %s\n", f.Level, f.About, f.Is)
		if f.Risk != "" {
			fmt.Fprintf(out, "  %-8s %-22s   risk: %s\n", "", "", f.Risk)
		}
		if f.Mend != "" {
			fmt.Fprintf(out, "  %-8s %-22s   mend: %s\n", "", "", f.Mend)
		}
		if f.Level == redisstore.Refusal {
			refusals++
		}
	}
	return refusals
}

// Less room than that on the disk is worth telling.
const (
	freeLeast = 100 << 20
	freeGood  = 1 << 30
)

// examineDirectory looks at the place of the embedded store.
func examineDirectory(dir string) ([]redisstore.Finding, error) {
	place, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []redisstore.Finding{{Level: redisstore.Note, About: "data",
			Is:   "there are none in " + place,
			Mend: "the first parley serve makes them; --data names another directory"}}, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []redisstore.Finding{{Level: redisstore.Refusal, About: "data",
			Is: place + " is no directory", Mend: "--data"}}, nil
	}
	var findings []redisstore.Finding
	add := func(level redisstore.Level, about, is, risk, mend string) {
		findings = append(findings, redisstore.Finding{Level: level, About: about, Is: is,
			Risk: risk, Mend: mend})
	}
	if db, err := os.Stat(filepath.Join(dir, "parley.db")); err == nil {
		add(redisstore.OK, "data", fmt.Sprintf("in %s, %s", place, megabytes(uint64(db.Size()))), "", "")
	} else {
		add(redisstore.Note, "data", "none yet in "+place, "", "")
	}
	if info.Mode().Perm()&0o077 != 0 {
		add(redisstore.Warning, "rights",
			fmt.Sprintf("others may look into the directory (%v)", info.Mode().Perm()),
			"they can read everything", "chmod 700 "+place)
	} else {
		add(redisstore.OK, "rights", "for this account alone", "", "")
	}
	if err := syscall.Access(dir, 2); err != nil { // W_OK
		add(redisstore.Refusal, "rights", "this account may not write there", "",
			"run as the owner of "+place)
	}
	if free, err := diskFree(dir); err == nil {
		is := megabytes(free) + " free"
		switch {
		case free < freeLeast:
			add(redisstore.Warning, "disk", is, "when it is full, people can read and not send",
				"make room now")
		case free < freeGood:
			add(redisstore.Note, "disk", is, "when it is full, people can read and not send", "")
		default:
			add(redisstore.OK, "disk", is, "", "")
		}
	}
	held, err := lockHeld(filepath.Join(dir, "lock"))
	switch {
	case err != nil:
		add(redisstore.Warning, "lock", "cannot be looked at: "+err.Error(), "", "")
	case held:
		add(redisstore.OK, "lock", "held: a server runs on these data", "", "")
	default:
		add(redisstore.OK, "lock", "free: no server runs on these data", "", "")
	}
	return findings, nil
}

// lockHeld reports whether a process has the lock. It takes it for some
// microseconds, shared with other doctors; a server that starts in just that
// moment is told that the directory is in use.
func lockHeld(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
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
