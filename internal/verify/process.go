package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds how long a process may take until it answers.
const startTimeout = 30 * time.Second

// process is a child process. Its output is appended to a file.
type process struct {
	path string
	args []string
	log  string            // file
	line func(line string) // called for each line of its standard output; may be nil

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended; nil while it never ran
	failed error         // how it ended; read after exited
}

// start starts it.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.SysProcAttr = dieWithParent()
	cmd.Stderr = log
	for _, e := range os.Environ() {
		// what is set for others is not for these
		if !strings.HasPrefix(e, "PARLEY_") && !strings.HasPrefix(e, "REDIS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	started, exited := make(chan error, 1), make(chan struct{})
	go func() { // ends with the process
		defer log.Close()
		// The system ends the process with the thread that started it: it stays
		// until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if p.line != nil {
				p.line(lines.Text())
			}
		}
		io.Copy(io.Discard, out)
		p.failed = cmd.Wait()
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(p.path), err)
	}
	p.cmd, p.exited = cmd, exited
	return nil
}

// kill ends it at once, as a power cut would for the process, and waits for it.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// stop shuts it down and returns an error if it fails.
func (p *process) stop() error {
	if !p.end(syscall.SIGTERM) {
		return nil
	}
	return p.failed
}

func (p *process) end(with os.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	p.cmd.Process.Signal(with)
	resumeProcess(p.cmd.Process) // a paused one cannot end
	<-p.exited
	p.cmd = nil
	return true
}

// pause stops the process without ending it: connections stay open and nothing
// answers.
func (p *process) pause() error { return p.signal(pauseProcess) }

// resume lets a paused one go on.
func (p *process) resume() error { return p.signal(resumeProcess) }

func (p *process) signal(do func(*os.Process) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	return do(p.cmd.Process)
}

// until waits until ready returns true. It fails if the process ends before.
func (p *process) until(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !ready() {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended at its start: %s", filepath.Base(p.path), p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w: %s", filepath.Base(p.path), ctx.Err(), p.tail())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// tail is the end of what it printed.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1000):])
}

// freePort returns a port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
