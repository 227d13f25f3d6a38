package clients

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/mediocregopher/radix/v4"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// library is a client library for Go: open returns what sets a key.
type library struct {
	name string
	open func(ctx context.Context, addrs []string) (set func(ctx context.Context, key, value string) error, client io.Closer, err error)
}

// closer makes a Closer of what cannot fail.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}

var libraries = []library{
	{"go-redis", func(_ context.Context, addrs []string) (func(context.Context, string, string) error, io.Closer, error) {
		c := goredis.NewFailoverClient(&goredis.FailoverOptions{MasterName: group, SentinelAddrs: addrs})
		return func(ctx context.Context, key, value string) error { return c.Set(ctx, key, value, 0).Err() }, c, nil
	}},
	{"go-redis-cluster", func(_ context.Context, addrs []string) (func(context.Context, string, string) error, io.Closer, error) {
		c := goredis.NewFailoverClusterClient(&goredis.FailoverOptions{MasterName: group, SentinelAddrs: addrs, RouteRandomly: true})
		return func(ctx context.Context, key, value string) error { return c.Set(ctx, key, value, 0).Err() }, c, nil
	}},
	{"rueidis", func(_ context.Context, addrs []string) (func(context.Context, string, string) error, io.Closer, error) {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs, Sentinel: rueidis.SentinelOption{MasterSet: group}})
		if err != nil {
			return nil, nil, err
		}
		set := func(ctx context.Context, key, value string) error {
			return c.Do(ctx, c.B().Set().Key(key).Value(value).Build()).Error()
		}
		return set, closer(c.Close), nil
	}},
	{"radix", func(ctx context.Context, addrs []string) (func(context.Context, string, string) error, io.Closer, error) {
		c, err := radix.SentinelConfig{}.New(ctx, group, addrs)
		if err != nil {
			return nil, nil, err
		}
		set := func(ctx context.Context, key, value string) error {
			return c.Do(ctx, radix.Cmd(nil, "SET", key, value))
		}
		return set, c, nil
	}},
	{"redigo", func(_ context.Context, addrs []string) (func(context.Context, string, string) error, io.Closer, error) {
		p := redigoPool(addrs)
		set := func(ctx context.Context, key, value string) error {
			c, err := p.GetContext(ctx)
			if err != nil {
				return err
			}
			_, err = redigo.DoContext(c, ctx, "SET", key, value)
			return errors.Join(err, c.Close())
		}
		return set, p, nil
	}},
}

// redigoPool is what users of redigo write: it knows nothing of Sentinels, so the
// pool's Dial asks one after the other, and a connection is tried before its use.
func redigoPool(addrs []string) *redigo.Pool {
	timeouts := []redigo.DialOption{
		redigo.DialConnectTimeout(time.Second), redigo.DialReadTimeout(time.Second), redigo.DialWriteTimeout(time.Second),
	}
	ask := func(addr string) (string, error) {
		c, err := redigo.Dial("tcp", addr, timeouts...)
		if err != nil {
			return "", err
		}
		defer c.Close()
		master, err := redigo.Strings(c.Do("SENTINEL", "get-master-addr-by-name", group))
		if err != nil {
			return "", err
		}
		return net.JoinHostPort(master[0], master[1]), nil
	}
	return &redigo.Pool{
		MaxIdle: 1,
		Dial: func() (redigo.Conn, error) {
			var errs []error
			for _, addr := range addrs {
				master, err := ask(addr)
				if err == nil {
					return redigo.Dial("tcp", master, timeouts...)
				}
				errs = append(errs, err)
			}
			return nil, errors.Join(errs...)
		},
		TestOnBorrow: func(c redigo.Conn, _ time.Time) error {
			role, err := redigo.Values(c.Do("ROLE"))
			if err != nil {
				return err
			}
			if word, _ := redigo.String(role[0], nil); word != "master" {
				return errors.New("no master any more")
			}
			return nil
		},
	}
}

// start runs an application with the library until the test ends.
func (l library) start(t *testing.T, key string, addrs []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	set, client, err := l.open(ctx, addrs)
	if err != nil {
		cancel()
		t.Fatalf("%s: %v", l.name, err)
	}
	var done sync.WaitGroup
	done.Go(func() { write(ctx, key, set) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
		_ = client.Close() // what matters was written
	})
}

// write sets the key to rising numbers until ctx ends. No call waits longer than
// applications let it.
func write(ctx context.Context, key string, set func(context.Context, string, string) error) {
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		_ = set(within, key, strconv.Itoa(n)) // the servers are asked what came
		cancel()
		<-pace.C
	}
}
