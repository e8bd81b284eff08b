package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/identity"
	"github.com/parley-chat/parley/internal/limit"
)

// unhashed saves what hashing passwords costs, which is slow on purpose. Nobody
// logs in with one here.
type unhashed struct{}

func (unhashed) Hash(context.Context, string) (string, error)         { return "none", nil }
func (unhashed) Verify(context.Context, string, string) (bool, error) { return false, nil }
func (unhashed) Stale(string) bool                                    { return false }

// crowd is people, made through the domain itself while no server has the data
// open.
type crowd struct {
	tokens []string
	who    []chat.Caller
}

// withService lends the domain on the data.
func (d data) withService(ctx context.Context, use func(*chat.Service) error) error {
	store, err := d.open(ctx)
	if err != nil {
		return err
	}
	bell := hub.NewLocalBell()
	off := chat.Rate{Limit: -1, Window: time.Second}
	limits := chat.DefaultLimits
	limits.Sends, limits.Calls, limits.Logins, limits.Guesses, limits.RoomsCreated = off, off, off, off, 1e6
	service := chat.New(chat.Config{
		Store: store, Bell: bell, Presence: hub.NewLocalPresence(bell),
		Limiter: limit.New(time.Now), Hasher: unhashed{}, Names: identity.Names{},
		NewID: identity.NewID, NewToken: identity.NewToken, SignUp: chat.SignUpOpen, Limits: limits,
	})
	err = service.Setup(ctx)
	if err == nil {
		err = use(service)
	}
	return errors.Join(err, store.Close())
}

// people signs up so many, who are all in General.
func people(ctx context.Context, service *chat.Service, n int) (*crowd, error) {
	c := &crowd{tokens: make([]string, n), who: make([]chat.Caller, n)}
	return c, each(n, func(i int) error {
		out, err := service.SignUpAccount(ctx, chat.Caller{Addr: "127.0.0.1"},
			chat.SignUpInput{Name: fmt.Sprintf("user %d", i), Password: "password123"})
		c.tokens[i], c.who[i] = out.Token, chat.Caller{User: out.User, Session: out.Session.ID}
		return err
	})
}

// room makes a room of the people with these numbers.
func (c *crowd) room(ctx context.Context, service *chat.Service, name string,
	members []int) (chat.RoomID, error) {
	room, err := service.CreateRoom(ctx, c.who[members[0]], chat.CreateRoomInput{Name: name})
	if err != nil {
		return "", err
	}
	return room.ID, each(len(members)-1, func(i int) error {
		_, err := service.JoinRoom(ctx, c.who[members[i+1]], chat.RoomInput{Room: room.ID})
		return err
	})
}

// each calls do with 0 to n-1, some at once, and returns the first error.
func each(n int, do func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for range cap(errs) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// speaker says something in a room.
type speaker struct {
	c    *client
	room chat.RoomID
}

var spoken atomic.Int64 // so that no client id comes twice

// pace has the speakers talk in turns, at a rate per second, and returns how
// many messages there were.
func pace(speakers []speaker, rate int, lasts time.Duration) (int, error) {
	total := max(1, int(float64(rate)*lasts.Seconds()))
	begin := time.Now()
	for i := range total {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		s := speakers[i%len(speakers)]
		for range len(s.c.acks) {
			<-s.c.acks
		}
		if err := s.c.say(s.room, int(spoken.Add(1)), text); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// work is what a load took, of all servers together and of Redis.
type work struct {
	messages, deliveries int
	took, cpu, redis     time.Duration
	commands             int // that Redis was asked for, those inside scripts not counted
}

// perMessage is microseconds of the servers, of Redis' thread, and commands.
func (w work) perMessage() (cpu, redis, commands float64) {
	n := float64(w.messages)
	return us(w.cpu) / n, us(w.redis) / n, float64(w.commands) / n
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// less takes away what idling costs.
func (w work) less(idle work) work {
	share := w.took.Seconds() / idle.took.Seconds()
	w.cpu -= time.Duration(share * float64(idle.cpu))
	w.redis -= time.Duration(share * float64(idle.redis))
	w.commands -= int(share * float64(idle.commands))
	return w
}

// fleet is servers on the same data.
type fleet struct {
	d       data
	servers []*server
}

func (f fleet) stop() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}

func (f fleet) used(ctx context.Context) (cpu, redis time.Duration, commands int, err error) {
	for _, s := range f.servers {
		c, err := s.cpu()
		if err != nil {
			return 0, 0, 0, err
		}
		cpu += c
	}
	if f.d.redis != nil {
		if redis, err = f.d.redis.cpu(ctx); err == nil {
			commands, err = f.d.redis.commands(ctx)
		}
	}
	return cpu, redis, commands, err
}

// measure runs a load and says what it took, until the last delivery.
func (f fleet) measure(ctx context.Context, clients []*client, load func() (int, error)) (w work, err error) {
	cpu, redis, commands, err := f.used(ctx)
	if err != nil {
		return w, err
	}
	seen, begin := delivered(clients), time.Now()
	if w.messages, err = load(); err != nil {
		return w, err
	}
	w.deliveries = int(quiet(clients) - seen)
	w.took = time.Since(begin)
	cpu1, redis1, commands1, err := f.used(ctx)
	w.cpu, w.redis, w.commands = cpu1-cpu, redis1-redis, commands1-commands
	return w, err
}

// idle is what it takes to do nothing.
func (f fleet) idle(ctx context.Context, lasts time.Duration) (work, error) {
	return f.measure(ctx, nil, func() (int, error) {
		time.Sleep(lasts)
		return 1, nil
	})
}

// rush has each speaker talk again as soon as it was acknowledged, and returns
// how many messages were.
func rush(speakers []speaker, lasts time.Duration) (int, error) {
	for _, s := range speakers {
		for range len(s.c.acks) {
			<-s.c.acks
		}
	}
	var wg sync.WaitGroup
	var acked atomic.Int64
	errs := make(chan error, len(speakers))
	stop := time.Now().Add(lasts)
	for _, s := range speakers {
		wg.Go(func() {
			for time.Now().Before(stop) {
				if err := s.c.say(s.room, int(spoken.Add(1)), text); err != nil {
					errs <- err
					return
				}
				if _, ok := <-s.c.acks; !ok {
					errs <- errors.New("a sender was disconnected")
					return
				}
				acked.Add(1)
			}
		})
	}
	wg.Wait()
	close(errs)
	return int(acked.Load()), <-errs
}
