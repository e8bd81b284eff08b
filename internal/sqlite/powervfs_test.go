//go:build linux

package sqlite

import (
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// eavesdropper stands between SQLite and its own layer for files, which does
// everything; what changes files is noted once it is done. SQLite calls plain
// functions only, so there is one for all.
var eavesdropper struct {
	disk   *disk
	theirs *lib.Tsqlite3_vfs
	// SQLite's own, of which those that we use are the same for every kind of
	// file
	methods *lib.Tsqlite3_io_methods
	ours    map[uintptr]uintptr // by SQLite's own, as the kinds differ in others
	names   map[uintptr]string  // of open files; guarded by the disk's lock, as the maps are
	fresh   map[uintptr]bool    // files with whose first sync SQLite syncs the directory
}

// record has every file that SQLite opens from now on noted, until the test has
// ended.
func record(t *testing.T, d *disk) {
	tls := libc.NewTLS()
	e := &eavesdropper
	e.disk, e.methods, e.ours, e.names, e.fresh = d, nil, map[uintptr]uintptr{},
		map[uintptr]string{}, map[uintptr]bool{}
	e.theirs = at[lib.Tsqlite3_vfs](lib.Xsqlite3_vfs_find(tls, 0))
	layer := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*e.theirs)))
	name, err := libc.CString("eavesdropper")
	if layer == 0 || err != nil {
		t.Fatal("no memory")
	}
	ours := at[lib.Tsqlite3_vfs](layer)
	*ours = *e.theirs
	ours.FpNext, ours.FzName = 0, name
	ours.FxOpen, ours.FxDelete = pointer(overhearOpen), pointer(overhearDelete)
	if rc := lib.Xsqlite3_vfs_register(tls, layer, 1); rc != lib.SQLITE_OK {
		t.Fatalf("register: %d", rc)
	}
	t.Cleanup(func() {
		lib.Xsqlite3_vfs_unregister(tls, layer)
		libc.Xfree(tls, layer)
		libc.Xfree(tls, name)
		for _, methods := range e.ours {
			libc.Xfree(tls, methods)
		}
		tls.Close()
	})
}

// at is what a pointer of C points at.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// pointer is what C calls for a plain function.
func pointer(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// function is what a pointer to one is in Go.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func overhearOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	e := &eavesdropper
	rc := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32,
		uintptr) int32](e.theirs.FxOpen)(tls, vfs, name, file, flags, out)
	f := at[lib.Tsqlite3_file](file)
	if rc != lib.SQLITE_OK || name == 0 || f.FpMethods == 0 {
		return rc
	}
	e.disk.mu.Lock()
	defer e.disk.mu.Unlock()
	methods := e.ours[f.FpMethods]
	if methods == 0 {
		if methods = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*e.methods))); methods == 0 {
			return lib.SQLITE_NOMEM
		}
		e.methods = at[lib.Tsqlite3_io_methods](f.FpMethods)
		ours := at[lib.Tsqlite3_io_methods](methods)
		*ours = *e.methods
		ours.FxWrite, ours.FxTruncate, ours.FxSync = pointer(overhearWrite),
			pointer(overhearTruncate), pointer(overhearSync)
		e.ours[f.FpMethods] = methods
	}
	f.FpMethods = methods
	e.fresh[file] = flags&lib.SQLITE_OPEN_CREATE != 0 &&
		flags&(lib.SQLITE_OPEN_MAIN_JOURNAL|lib.SQLITE_OPEN_WAL) != 0
	e.names[file] = filepath.Base(libc.GoString(name))
	return rc
}

// overhear notes what was done to an open file.
func overhear(rc int32, file uintptr, x diskOp) int32 {
	e := &eavesdropper
	e.disk.mu.Lock()
	defer e.disk.mu.Unlock()
	if rc == lib.SQLITE_OK {
		x.file = e.names[file]
		if x.what == "sync" && e.fresh[file] {
			x.at, e.fresh[file] = 1, false
		}
		e.disk.deeds = append(e.disk.deeds, x)
	}
	return rc
}

func overhearWrite(tls *libc.TLS, file, data uintptr, n int32, off lib.Tsqlite3_int64) int32 {
	rc := function[func(*libc.TLS, uintptr, uintptr, int32,
		lib.Tsqlite3_int64) int32](eavesdropper.methods.FxWrite)(tls, file, data, n, off)
	return overhear(rc, file, diskOp{what: "write", at: off,
		data: slices.Clone(unsafe.Slice(at[byte](data), n))})
}

func overhearTruncate(tls *libc.TLS, file uintptr, size lib.Tsqlite3_int64) int32 {
	rc := function[func(*libc.TLS, uintptr,
		lib.Tsqlite3_int64) int32](eavesdropper.methods.FxTruncate)(tls, file, size)
	return overhear(rc, file, diskOp{what: "truncate", at: size})
}

func overhearSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	rc := function[func(*libc.TLS, uintptr, int32) int32](eavesdropper.methods.FxSync)(tls, file, flags)
	return overhear(rc, file, diskOp{what: "sync"})
}

func overhearDelete(tls *libc.TLS, vfs, name uintptr, dirSync int32) int32 {
	rc := function[func(*libc.TLS, uintptr, uintptr,
		int32) int32](eavesdropper.theirs.FxDelete)(tls, vfs, name, dirSync)
	if rc == lib.SQLITE_OK {
		eavesdropper.disk.note(diskOp{what: "delete", file: filepath.Base(libc.GoString(name)),
			at: int64(dirSync)})
	}
	return rc
}
