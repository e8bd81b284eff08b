//go:build linux || darwin

package extract

import (
	"fmt"
	"syscall"
	"time"
)

// bound limits what this process may take: processor time, memory, and files,
// of which it can write none.
func bound() error {
	for _, l := range []struct {
		what int
		most uint64
	}{
		{syscall.RLIMIT_CPU, uint64(childTime / time.Second)}, {syscall.RLIMIT_FSIZE, 0},
		{syscall.RLIMIT_CORE, 0}, {syscall.RLIMIT_DATA, 2 * childMemory},
	} {
		limit := syscall.Rlimit{}
		if err := syscall.Getrlimit(l.what, &limit); err != nil {
			return fmt.Errorf("limits: %w", err)
		}
		limit.Cur, limit.Max = min(limit.Cur, l.most), min(limit.Max, l.most)
		if err := syscall.Setrlimit(l.what, &limit); err != nil {
			return fmt.Errorf("limits: %w", err)
		}
	}
	return nil
}
