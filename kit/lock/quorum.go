package lock

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
)

type verdict int

const (
	split   verdict = iota // neither of the others
	granted                // more than half said yes
	refused                // so many said no that the rest could not grant
	failed                 // so many gave no answer that the rest could not grant
)

// votes are what the masters answered, as far as it was waited for.
type votes struct {
	verdict
	yes, no, failures int
	highest           int64 // of the answers; 0 if there was none
	lowest            int64 // of those who said yes
	err               error // of those who gave no answer
}

func (v *votes) count(n int64, err error) {
	switch {
	case err != nil:
		v.failures++
		v.err = errors.Join(v.err, err)
		return
	case n > 0:
		if v.yes++; v.yes == 1 || n < v.lowest {
			v.lowest = n
		}
	default:
		v.no++
	}
	if v.yes+v.no == 1 || n > v.highest {
		v.highest = n
	}
}

// ask asks all masters the same at the same time, each for Options.CallTimeout,
// and returns as soon as the verdict stands. A positive number is a yes. The
// caller is part of k.work, which the masters that are slower than the verdict
// join.
func (k *Locker) ask(ctx context.Context,
	question func(context.Context, rueidis.Client) (int64, error)) votes {
	var v votes
	if len(k.masters) == 1 {
		v.count(k.askOne(ctx, k.masters[0], question))
		v.verdict = k.judge(&v)
		return v
	}
	type answer struct {
		n   int64
		err error
	}
	answers := make(chan answer, len(k.masters))
	for _, master := range k.masters {
		k.work.Go(func() {
			n, err := k.askOne(ctx, master, question)
			answers <- answer{n, err}
		})
	}
	for range k.masters {
		a := <-answers
		v.count(a.n, a.err)
		if v.verdict = k.judge(&v); v.verdict != split {
			break
		}
	}
	return v
}

// askOne asks one master for Options.CallTimeout at most.
func (k *Locker) askOne(ctx context.Context, m *master,
	question func(context.Context, rueidis.Client) (int64, error)) (int64, error) {
	put := func(ctx context.Context) (int64, error) {
		client, err := m.get(ctx, k)
		if err != nil {
			return 0, err
		}
		return question(ctx, client)
	}
	ctx, cancel := context.WithTimeout(ctx, k.opt.CallTimeout)
	if !k.silent.Load() {
		defer cancel()
		n, err := put(ctx)
		k.answered(err)
		return n, err
	}
	// The client may have to connect first, and hears no context while it does.
	// The detour is for such times only: it would cost each call a switch of
	// goroutines.
	type answer struct {
		n   int64
		err error
	}
	answers := make(chan answer, 1)
	k.work.Go(func() {
		defer cancel()
		n, err := put(ctx)
		k.answered(err)
		answers <- answer{n, err}
	})
	select {
	case a := <-answers:
		return a.n, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// answered notes whether Redis answers.
func (k *Locker) answered(err error) {
	_, refusal := exec.Refusal(err)
	if silent := err != nil && !refusal; k.silent.Load() != silent {
		k.silent.Store(silent)
	}
}

func (k *Locker) judge(v *votes) verdict {
	spare := len(k.masters) - k.quorum
	switch {
	case v.yes >= k.quorum:
		return granted
	case v.no > spare:
		return refused
	case v.failures > spare:
		return failed
	}
	return split
}

// agree returns the token of a lock that was granted: the highest that was
// drawn. Where the masters drew different ones it lifts the others to that
// first: any later majority has one of these masters in it, and so a higher
// token.
func (k *Locker) agree(ctx context.Context, keys keys, id string, drawn votes) (int64, error) {
	if drawn.lowest == drawn.highest {
		return drawn.highest, nil
	}
	args := []string{id, strconv.FormatInt(drawn.highest, 10)}
	lifted := k.ask(ctx, func(ctx context.Context, master rueidis.Client) (int64, error) {
		return exec.Script(ctx, k.raising, master, keys[:2], args).AsInt64()
	})
	switch lifted.verdict {
	case granted:
		return drawn.highest, nil
	case failed:
		return 0, lifted.err
	}
	return 0, errors.New("the masters do not agree on a token")
}
