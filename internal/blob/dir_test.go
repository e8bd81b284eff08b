package blob

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// files lists all files below a directory.
func files(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A process that is killed in the middle of a Put leaves a file; the next one
// to open the directory removes it, and no file that is still being written.
func TestWhatACrashLeftIsCleaned(t *testing.T) {
	if path := os.Getenv("BLOB_TEST_CRASH"); path != "" {
		d := openDir(t, path)
		d.Put(t.Context(), "one", readerFunc(func(p []byte) (int, error) {
			if len(files(t, path)) == 0 {
				t.Error("nothing is being written")
			}
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}), 10)
		return
	}
	path := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestWhatACrashLeftIsCleaned$")
	child.Env = append(os.Environ(), "BLOB_TEST_CRASH="+path)
	if out, err := child.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process that should have died: %v\n%s", err, out)
	}
	if left := files(t, path); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}

	d := openDir(t, path)
	if left := files(t, path); len(left) != 0 {
		t.Errorf("left after opening: %v", left)
	}
	opened := false
	put := readerFunc(func(p []byte) (int, error) {
		if opened {
			return 0, errors.New("that will do")
		}
		opened = true
		openDir(t, path)
		if now := files(t, path); len(now) != 1 {
			t.Errorf("files while one is written: %v", now)
		}
		return copy(p, "x"), nil
	})
	if _, err := d.Put(t.Context(), "two", put, 10); err == nil || !opened {
		t.Errorf("Put: %v", err)
	}
	if left := files(t, path); len(left) != 0 {
		t.Errorf("left after a failed Put: %v", left)
	}
}

// A file system of 256 kB, in a name space of its own.
func TestAFullDiskSaysSo(t *testing.T) {
	if path := os.Getenv("BLOB_TEST_FULL"); path != "" {
		if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=256k"); err != nil {
			t.Skip("cannot mount: ", err)
		}
		d := openDir(t, path)
		put(t, d, "small", noise(50_000))
		_, err := d.Put(t.Context(), "large", bytes.NewReader(noise(500_000)), 1<<20)
		if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) ||
			!strings.Contains(err.Error(), "no space left") {
			t.Errorf("on a full disk: %v", err)
		}
		if left := files(t, path); len(left) != 1 {
			t.Errorf("files: %v", left)
		}
		put(t, d, "again", noise(100_000))
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestAFullDiskSaysSo$", "-test.v")
	child.Env = append(os.Environ(), "BLOB_TEST_FULL="+t.TempDir())
	child.SysProcAttr = inOwnNamespace()
	out, err := child.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) || strings.Contains(string(out), "cannot mount") {
		t.Skipf("needs a mount of its own: %v\n%s", err, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDirIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := openDir(t, path)
	put(t, d, "one", []byte("x"))
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", p, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(filepath.Join(files(t, path)[0], "x")); err == nil ||
		!strings.Contains(err.Error(), "directory of blobs") {
		t.Errorf("a file in place of the directory: %v", err)
	}
}

// A link that somebody put into the directory does not lead out of it.
func TestLinksDoNotLeadOut(t *testing.T) {
	path, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, path)
	put(t, d, "one", []byte("x"))
	name := files(t, path)[0]
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, name); err != nil {
		t.Fatal(err)
	}
	if b, err := d.Open(t.Context(), "one"); err == nil {
		b.Close()
		t.Error("a link out of the directory was followed")
	}
	for info := range d.Old(t.Context(), time.Now().Add(time.Hour)) {
		t.Errorf("a link is listed: %v", info)
	}
}

func TestABlobThatIsOpenOutlivesItsDeletion(t *testing.T) {
	d := openDir(t, t.TempDir())
	put(t, d, "one", []byte("still here"))
	b, err := d.Open(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := d.Delete(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(b); err != nil || got.String() != "still here" {
		t.Errorf("%q, %v", got.String(), err)
	}
}
