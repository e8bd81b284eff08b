package stream

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

var (
	//go:embed extend.lua
	extendSource string
	extendScript = rueidis.NewLuaScript(extendSource)
)

// ErrTaken is the cause with which a handler's context ends when its event may
// be another consumer's: Redis could not be told in time that the handler still
// runs.
var ErrTaken = errors.New("stream: the event may be another consumer's")

// renew begins the visibility time of what is being handled anew, every third
// of it, until the context ends. Deliveries that are answered sooner cost
// nothing.
func (r *runner) renew(ctx context.Context) {
	every := r.g.opt.VisibilityTimeout / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, stream := range []string{r.g.t.stem, r.g.retries()} {
				r.renewStream(ctx, stream, now.Add(-every/2))
			}
			r.expire()
		}
	}
}

// renewStream renews the deliveries of one stream that were renewed last before
// a time.
func (r *runner) renewStream(ctx context.Context, stream string, before time.Time) {
	due := map[string]*running{}
	args := []string{r.g.name, r.consumer}
	now := time.Now()
	r.mu.Lock()
	for one := range r.running {
		if r.g.stream(one.d) == stream && one.renewed.Before(before) && one.until.After(now) {
			due[one.d.id] = one
			args = append(args, one.d.id)
		}
	}
	r.mu.Unlock()
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, max(r.g.opt.VisibilityTimeout/3, 100*time.Millisecond))
	defer cancel()
	lost, err := exec.Script(ctx, extendScript, r.g.t.client, []string{stream}, args).AsStrSlice()
	if err != nil {
		r.g.opt.OnError(r.g.fault("renew what is being handled", err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range lost {
		due[id].cancel(ErrTaken)
		delete(due, id)
	}
	for _, one := range due {
		one.renewed = now
	}
}

// expire ends the handlers of deliveries whose visibility time is over.
func (r *runner) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for one := range r.running {
		if time.Since(one.renewed) > r.g.opt.VisibilityTimeout {
			one.cancel(ErrTaken)
		}
	}
}
