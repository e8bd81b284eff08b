//go:build unix

package search

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs reports whether a directory belongs to this process' user.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
