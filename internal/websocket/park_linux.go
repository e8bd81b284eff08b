package websocket

import (
	"os"
	"sync"
	"syscall"
)

// lot is where quiet connections wait without a goroutine, whose stack would be
// most of what they take: one epoll of ours, which Go's own poller watches.
type lot struct {
	epoll *os.File
	fd    int
	raw   syscall.RawConn

	mu     sync.Mutex
	parked []*Conn // by descriptor
}

// open returns false if there is no epoll to be had. Then nobody is parked.
func (l *lot) open() bool {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	if err = syscall.SetNonblock(fd, true); err == nil { // else Go's poller does not take it
		l.fd, l.epoll = fd, os.NewFile(uintptr(fd), "epoll")
		l.raw, err = l.epoll.SyscallConn()
	}
	return err == nil
}

func (l *lot) close() { l.epoll.Close() }

// run wakes connections when something comes, until the lot is closed.
func (l *lot) run() {
	events := make([]syscall.EpollEvent, 128)
	for {
		n := 0
		err := l.raw.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events, 0)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			l.mu.Lock()
			c := l.parked[e.Fd]
			l.mu.Unlock()
			if c != nil {
				c.unpark()
			}
		}
	}
}

// watch has a connection woken once, when something comes, also what has come
// before.
func (l *lot) watch(c *Conn, fd int) error {
	l.mu.Lock()
	for len(l.parked) <= fd {
		l.parked = append(l.parked, nil)
	}
	op := syscall.EPOLL_CTL_MOD
	if l.parked[fd] != c {
		l.parked[fd], op = c, syscall.EPOLL_CTL_ADD
	}
	l.mu.Unlock()
	return syscall.EpollCtl(l.fd, op, fd, &syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(fd)})
}

// forget must be called before the descriptor is closed, which ends the watch.
func (l *lot) forget(fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd < len(l.parked) {
		l.parked[fd] = nil
	}
}
