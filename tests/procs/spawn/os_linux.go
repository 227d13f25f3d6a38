package spawn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// Claim takes a name for this process among all users of this package on the
// machine; Close gives it back. The claim is an abstract Unix socket: the
// kernel keeps its name unique and drops it with the process, so that nothing
// is left to clean up. The error is ErrClaimed when somebody else has the name.
func Claim(name string) (io.Closer, error) {
	l, err := net.Listen("unix", "@redis-failover/"+name)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %w", name, ErrClaimed)
	}
	return l, err
}

// firstEphemeral is the lowest port that the kernel gives to outgoing
// connections and to listeners on port 0.
func firstEphemeral() int {
	const usual = 32768
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return usual
	}
	return low
}
