package patterns

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/counter"
	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/redistest"
)

func usualConnect(option rueidis.ClientOption) rueidis.Client {
	client, err := rueidis.NewClient(option)
	if err != nil {
		log.Panicf("redis: %v", err) // the container starts again, and again
	}
	return client
}

func kitConnect(ctx context.Context, url string) (*connect.Conn, error) {
	cfg, err := connect.Parse(url)
	if err != nil {
		return nil, err
	}
	cfg.OnEvent = func(e connect.Event) { log.Print(e) }
	return connect.Open(ctx, cfg)
}

// TestConnect starts before Redis does, as it happens when both are deployed at
// once.
func TestConnect(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the usual code waits: the page is out of date")
			}
		}()
		usualConnect(s.Option())
	}()
	restarted := make(chan bool)
	time.AfterFunc(200*time.Millisecond, func() { s.Restart(); close(restarted) })
	conn, err := kitConnect(t.Context(), s.URL())
	<-restarted
	check(t, err)
	conn.Close()
}

func usualStoreFile(ctx context.Context, c rueidis.Client, name string, data []byte) error {
	return c.Do(ctx, c.B().Set().Key("file:"+name).Value(rueidis.BinaryString(data)).Build()).Error()
}

// An upload is what Redis knows of a file; the bytes are in a directory or a
// bucket.
type upload struct {
	Name string `redis:",key"`
	Path string `redis:"path"`
	Size int64  `redis:"size,index"`
}

// TestLargeFile stores files until there is no more room, and then sessions.
func TestLargeFile(t *testing.T) {
	const want = 20_000 // far more than what is free again once Redis has let go of its buffers
	full := func(err error) bool { return err != nil && strings.Contains(err.Error(), "OOM") }
	sessions := func(c rueidis.Client) (fit int) {
		var sets rueidis.Commands
		for i := range want {
			sets = append(sets, c.B().Set().Key(fmt.Sprint("session:", i)).Value(strings.Repeat("x", 1000)).Build())
		}
		for _, reply := range c.DoMulti(t.Context(), sets...) {
			if err := reply.Error(); err == nil {
				fit++
			} else if !full(err) {
				t.Fatal(err)
			}
		}
		return fit
	}
	c := redistest.Start(t, "--maxmemory", "48mb").Client(t)
	for i := 0; ; i++ {
		err := usualStoreFile(t.Context(), c, fmt.Sprint("film ", i), make([]byte, 2<<20))
		if full(err) {
			break
		}
		check(t, err)
	}
	if n := sessions(c); n == want {
		t.Error("everybody else can still write: the page is out of date")
	}

	c = redistest.Start(t, "--maxmemory", "48mb").Client(t)
	uploads, err := object.NewRepository[upload](c, "upload", object.Options{})
	check(t, err)
	for i := range 20 {
		film := upload{Name: fmt.Sprint("film ", i), Path: fmt.Sprint("/var/files/", i), Size: 2 << 20}
		check(t, uploads.Save(t.Context(), &film))
	}
	if n := sessions(c); n != want {
		t.Errorf("room for %d sessions", n)
	}
}

func usualPair(ctx context.Context, c rueidis.Client) ([]string, error) {
	get := c.B().Mget().Key("stock:tea", "stock:cup").Build()
	return c.Do(ctx, get).AsStrSlice()
}

// TestCluster reads two keys at once.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to start: left out with -short, which CI does not give")
	}
	c := redistest.StartCluster(t).Client(t)
	func() {
		// The client says so by a panic, before the server would by CROSSSLOT.
		defer func() {
			if recover() == nil {
				t.Error("keys of two slots can be read together: the page is out of date")
			}
		}()
		usualPair(t.Context(), c)
	}()
	stock, err := counter.NewStock(c, counter.Options{Prefix: "stock"})
	check(t, err)
	_, err = stock.Add(t.Context(), "shop", "tea", 5)
	check(t, err)
	_, err = stock.Add(t.Context(), "shop", "cup", 2)
	check(t, err)
	err = stock.Take(t.Context(), "shop", map[string]int64{"tea": 1, "cup": 1}) // keys stock:{shop}
	check(t, err)
}
