//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

func readableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

func mayWrite(dir string) bool {
	const writing = 2 // W_OK
	return syscall.Access(dir, writing) == nil
}
