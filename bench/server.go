package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	parley "github.com/parley-chat/parley/client"
)

// server is a running Parley.
type server struct {
	cmd  *exec.Cmd
	url  string // http://127.0.0.1:port
	api  *parley.Client
	took time.Duration
}

// startServer starts one on a data directory, with limits off, and waits for
// its first answer.
func (b *bench) startServer(d data, args ...string) (*server, error) {
	cmd := exec.CommandContext(b.ctx, b.binary,
		append(append([]string{"serve", "--listen", "127.0.0.1:0", "--sign-up", "open",
			"--max-sends=-1", "--max-calls=-1", "--max-logins=-1", "--max-socket-frames=-1",
			"--max-user-sockets=100000", "--log-level=warn"}, d.args()...), args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	lines := bufio.NewScanner(out)
	for s.url == "" && lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "open:"); ok {
			s.url = strings.TrimSpace(at)
		}
	}
	if s.url == "" {
		return nil, errors.Join(errors.New("the server did not start"), cmd.Wait())
	}
	go io.Copy(io.Discard, out)
	if s.api, err = parley.New(parley.Config{URL: s.url}); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	for {
		res, err := http.Get(s.url + "/healthz")
		if err == nil {
			res.Body.Close()
			s.took = time.Since(begin)
			return s, nil
		}
		if time.Since(begin) > 30*time.Second {
			return nil, errors.Join(err, s.stop())
		}
	}
}

func (s *server) stop() error {
	if s.api != nil {
		s.api.Close()
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// get reads an answer without decoding it, so that the time is the server's.
func (s *server) get(ctx context.Context, path, token string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/api/v1"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// people signs up so many and returns their tokens.
func (s *server) people(ctx context.Context, n int) ([]string, error) {
	tokens := make([]string, n)
	errs := make(chan error, 2)
	for part := range 2 { // as many as there are hashing slots on a small machine
		go func() {
			for i := part; i < n; i += 2 {
				out, err := s.api.AccountCreate(ctx,
					parley.SignUpInput{Name: fmt.Sprintf("user %d", i), Password: "password123"})
				if err != nil {
					errs <- err
					return
				}
				tokens[i] = out.Token
			}
			errs <- nil
		}()
	}
	return tokens, errors.Join(<-errs, <-errs)
}

// cpu returns the processor time that the server has used, of all its threads:
// in /proc/PID/stat it would be in steps of 10 ms.
func (s *server) cpu() (total time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(err, errors.New("the server has ended"))
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		on, _, _ := strings.Cut(string(stat), " ")
		ns, err := strconv.ParseInt(on, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// resident returns the server's resident memory in bytes.
func (s *server) resident() (float64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	return pages * float64(os.Getpagesize()), err
}

// settle waits until the resident memory has stopped changing: collected
// garbage goes back to the system slowly.
func (s *server) settle() (float64, error) {
	last, err := s.resident()
	same := 0
	for range 60 {
		if err != nil {
			return 0, err
		}
		time.Sleep(500 * time.Millisecond)
		var now float64
		now, err = s.resident()
		if same++; now < last*0.995 || now > last*1.005 {
			same = 0
		}
		if last = now; same >= 8 {
			break
		}
	}
	return last, err
}
