// Package program runs an example as a process of its own, for its test.
package program

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

const running = "PARLEY_EXAMPLE"

// Main is for TestMain: in a process that Start started it runs the example's
// main, in any other the tests.
func Main(m *testing.M, main func()) {
	if os.Getenv(running) != "" {
		main()
		return
	}
	os.Exit(redistest.MainNoLeaks(m))
}

// Program is an example that runs.
type Program struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string // of its output; closed at its end
}

// Start runs the example with these settings ("NAME=value") in its environment,
// and arguments. It ends with the test.
func Start(t testing.TB, settings []string, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, cmd: exec.Command(os.Args[0], args...), lines: make(chan string, 1000)}
	// The race detector lets each process sleep for a second at its end, if not
	// told otherwise.
	p.cmd.Env = append(append(os.Environ(), running+"=1", "GORACE=atexit_sleep_ms=10"), settings...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for text := bufio.NewScanner(out); text.Scan(); {
			p.lines <- text.Text()
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		p.end()
	})
	return p
}

// Says waits until the program writes a line with that in it, and returns what
// follows.
func (p *Program) Says(what string) string {
	p.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended without saying %q", what)
			}
			if _, rest, found := strings.Cut(line, what); found {
				return rest
			}
		case <-timeout:
			p.t.Fatalf("the program did not say %q within 30 s", what)
		}
	}
}

// Interrupt asks the program to end, as Ctrl-C does, and is Ends otherwise.
func (p *Program) Interrupt() string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	return p.Ends()
}

// Ends waits for the program to end, fails the test unless it ends well, and
// returns what it still said.
func (p *Program) Ends() string {
	p.t.Helper()
	killing := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer killing.Stop()
	said, err := p.end()
	if err != nil {
		p.t.Errorf("the program ended with %v", err)
	}
	return said
}

// end waits for the program's end.
func (p *Program) end() (said string, err error) {
	for line := range p.lines {
		said += line + "\n"
	}
	return said, p.cmd.Wait()
}
