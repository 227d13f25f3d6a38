package spawn

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// Port is a TCP port of the loopback interface that was free when it was
// reserved and that no other user of this package is given until Release.
type Port struct {
	Number int
	claim  io.Closer
}

// ErrClaimed is returned by Claim.
var ErrClaimed = errors.New("claimed by another process")

// lowest is above the ports of most services that people run by hand.
const lowest = 10000

// Reserve finds a port for a server that must be able to come back to the same
// port after a crash.
//
// Asking the kernel for a port (":0") does not do for that. Such a port is from
// the ephemeral range, so while the server is down the kernel may give it to
// any outgoing connection, and a client that keeps dialling the dead server may
// even get connected to itself. So the port is from below that range, tried by
// binding it, and claimed among all tests that run on the machine.
func Reserve() (*Port, error) {
	span := firstEphemeral() - lowest
	if span < 100 {
		return reserveEphemeral()
	}
	start := rand.IntN(span)
	for i := range span {
		port, err := try(lowest + (start+i)%span)
		if err == nil {
			return port, nil
		}
	}
	return nil, fmt.Errorf("no free port between %d and %d", lowest, lowest+span)
}

// reserveEphemeral serves machines whose ephemeral range leaves no room.
func reserveEphemeral() (*Port, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	number := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	return try(number)
}

// try reserves one port.
func try(number int) (*Port, error) {
	c, err := Claim(fmt.Sprintf("port/%d", number))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", number))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Port{Number: number, claim: c}, l.Close()
}

// Release gives the port back.
func (p *Port) Release() { _ = p.claim.Close() }
