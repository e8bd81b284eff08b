//go:build linux || darwin || freebsd

package sqlite

import "syscall"

// diskFree returns how many bytes can still be written to the disk of a
// directory.
func diskFree(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
