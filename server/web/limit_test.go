package web

import (
	"net"
	"testing"
	"testing/synctest"
)

// crowd is a listener to which clients come at once, until enough have come.
type crowd struct {
	net.Listener
	came, enough int
}

func (c *crowd) Accept() (net.Conn, error) {
	if c.came == c.enough {
		return nil, net.ErrClosed
	}
	c.came++
	here, _ := net.Pipe()
	return here, nil
}

// Who is one too many waits until another leaves, and leaves once.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, enough = 2, 8
		c := &crowd{enough: enough}
		l := limit(c, most)
		accepted := make(chan net.Conn, enough)
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				accepted <- conn
			}
		}()
		for left := range enough {
			synctest.Wait()
			if want := min(left+most, enough); c.came != want {
				t.Errorf("after %d have left, %d have been let in, want %d", left, c.came, want)
			}
			conn := <-accepted
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			_ = conn.Close() // net/http may close twice
		}
	})
}

func TestNoLimit(t *testing.T) {
	if c := (&crowd{}); limit(c, 0) != net.Listener(c) {
		t.Error("no limit is one")
	}
}
