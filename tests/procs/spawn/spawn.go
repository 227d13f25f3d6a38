// Package spawn starts child processes that cannot outlive their parent, and
// hands out TCP ports that nobody else takes meanwhile. The tests
// (tests/procs) and the playground stand on it; it knows nothing of Redis.
package spawn

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a child that was started by Start. All methods may be called from
// any goroutine.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts cmd, as cmd.Start does, and waits for it in the background. The
// child gets a process group of its own, so that a Ctrl-C at the terminal
// reaches the parent alone, and is killed by the kernel when the parent dies,
// however it dies.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	forker() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// forker returns the queue of one goroutine that forks all children. The kernel
// ties "kill the child when its parent dies" to the *thread* that forked, and
// the Go runtime ends idle threads whenever it likes: forked from any other
// goroutine, a child would die at random. So this one owns its thread and never
// returns.
var forker = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// Pid is the child's process id, also after its end.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether the child has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// State says how the child ended, "exit status 1" or "signal: killed"; it is
// "running" before.
func (p *Process) State() string {
	if !p.Exited() {
		return "running"
	}
	return p.cmd.ProcessState.String()
}

// ExitCode is the child's exit code; -1 while it runs and when a signal ended
// it.
func (p *Process) ExitCode() int {
	if !p.Exited() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the child. A child that was waited for is never
// signalled: its number may belong to a stranger by then.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill ends the child with SIGKILL, frozen or not, and waits for its end.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL) // fails only when it has ended already
	<-p.done
}

// ErrStillRunning is returned by Stop.
var ErrStillRunning = errors.New("the process did not end after SIGTERM")

// Stop asks the child to end with SIGTERM and waits for that, at most timeout.
// The child then still runs and the error is ErrStillRunning.
func (p *Process) Stop(timeout time.Duration) error {
	_ = p.Signal(syscall.SIGTERM) // fails only when it has ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
		return ErrStillRunning
	}
}
