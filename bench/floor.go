package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// floorFrame is as long as a message.created event with a text of 100 bytes.
const floorFrame = 480

// serveFloor is the least that any server does to deliver: one write(2) a
// connection and message, and nothing else. It runs in a process of its own, so
// that its processor time can be read like the server's.
func serveFloor(conns, rate int, lasts time.Duration) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("open:", l.Addr())
	open := make([]net.Conn, conns)
	for i := range open {
		if open[i], err = l.Accept(); err != nil {
			return err
		}
	}
	frame := make([]byte, floorFrame)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for stop := time.Now().Add(lasts); time.Now().Before(stop); {
		<-tick.C
		for _, c := range open {
			if _, err := c.Write(frame); err != nil {
				return err
			}
		}
	}
	return nil
}

// floor measures that, for the ratio: processor time per write, in
// microseconds.
func (b *bench) floor(conns, rate int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(b.ctx, self, "-floor", fmt.Sprintf("%d,%d,%s", conns, rate, b.seconds))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var addr string
	if _, err := fmt.Fscanf(out, "open: %s\n", &addr); err != nil {
		return 0, err
	}
	read := make(chan int64, conns)
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		go func() {
			defer c.Close()
			var total int64
			buf := make([]byte, 4<<10)
			for {
				n, err := c.Read(buf)
				if total += int64(n); err != nil {
					read <- total
					return
				}
			}
		}()
	}
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	var bytes int64
	for range conns {
		bytes += <-read
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return float64(used.Nanoseconds()) / 1e3 / (float64(bytes) / floorFrame), nil
}
