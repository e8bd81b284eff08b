//go:build unix

package websocket

import "syscall"

// direct says that sockets can be read and written without waiting.
const direct = true

func sysRead(fd uintptr, b []byte) (int, error)  { return syscall.Read(int(fd), b) }
func sysWrite(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
