//go:build !linux

package verify

import (
	"errors"
	"os"
	"syscall"
)

// dieWithParent does nothing: only Linux ends processes with the one that
// started them.
func dieWithParent() *syscall.SysProcAttr { return nil }

func pauseProcess(*os.Process) error  { return errors.ErrUnsupported }
func resumeProcess(*os.Process) error { return errors.ErrUnsupported }

func mountSmall(string, string) (func() error, error) { return nil, errors.ErrUnsupported }

func mostFiles() (uint64, error) { return 0, errors.ErrUnsupported }
