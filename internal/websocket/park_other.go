//go:build !linux

package websocket

import "syscall"

// lot is where quiet connections wait without a goroutine, on Linux. Elsewhere
// each keeps its own.
type lot struct{}

func (*lot) open() bool                 { return false }
func (*lot) close()                     {}
func (*lot) run()                       {}
func (*lot) watch(_ *Conn, _ int) error { return syscall.ENOTSUP }
func (*lot) forget(int)                 {}
