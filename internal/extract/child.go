package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"time"
)

const (
	childTime   = 20 * time.Second // then a child is killed
	childMemory = 256 << 20        // bytes that a child's heap may have; MaxInput is in it
)

// ErrStart means that no child could be started, whatever the file.
var ErrStart = errors.New("starting a process that reads a file")

// Child reads the text inside a file in a process of its own, which Command
// runs: it has no settings, bounded memory and processor time, and is killed
// after a while.
type Child struct {
	Command []string      // the program, which calls Serve, and its arguments but for the file's name
	Time    time.Duration // default 20 s
}

// Text returns the text inside a file, or what could be read of it.
func (c Child) Text(ctx context.Context, name string, file io.Reader) (string, error) {
	limit := childTime
	if c.Time > 0 {
		limit = c.Time
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := append(append([]string(nil), c.Command[1:]...), "--", name)
	cmd := exec.CommandContext(ctx, c.Command[0], args...)
	var out full
	cmd.Stdin, cmd.Stdout = io.LimitReader(file, MaxInput), &out
	cmd.Env = []string{"GOMAXPROCS=1", fmt.Sprint("GOMEMLIMIT=", childMemory/2), "GOTRACEBACK=none"}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", errors.Join(ErrStart, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// full keeps MaxText bytes and drops what is behind them.
type full struct{ bytes.Buffer }

func (f *full) Write(b []byte) (int, error) {
	f.Buffer.Write(b[:min(len(b), MaxText-f.Len())])
	return len(b), nil
}

// Serve is what a child does: it bounds itself, and writes the text inside of
// what it reads.
func Serve(in io.Reader, out io.Writer, name string) error {
	if err := bound(); err != nil {
		return err
	}
	debug.SetMaxStack(32 << 20)
	data, err := io.ReadAll(io.LimitReader(in, MaxInput))
	if err != nil {
		return err
	}
	return Text(out, name, data)
}

// Main is Serve for a program that does nothing else, and returns how it ends.
func Main(name string) int {
	if err := Serve(os.Stdin, os.Stdout, name); err != nil {
		return 1
	}
	return 0
}
