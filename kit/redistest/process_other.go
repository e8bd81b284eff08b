//go:build !linux

package redistest

import "syscall"

// dieWithParent does nothing: only Linux ends processes with the one that
// started them.
func dieWithParent() *syscall.SysProcAttr { return nil }
