package scripts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Runnable returns why a script cannot be run on this node, nil if it can. A
// relative path is below dir, "" for the directory of this process. It looks at
// the disk, and may block as long as that does.
func Runnable(dir, path string) error {
	path = below(dir, path)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	const executable = 1 // X_OK of access(2)
	if err := syscall.Access(path, executable); err != nil {
		return fmt.Errorf("%s cannot be executed by this process: %w", path, err)
	}
	return nil
}

func below(dir, path string) string {
	if dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// process is a script that was started.
type process struct {
	cmd *exec.Cmd
	// output is what it writes. Whoever has the process closes it.
	output *os.File
}

// spawn starts a script: no shell, our environment, nothing to read, its output
// in our hands, and a process group of its own, so that its children are killed
// with it. It inherits nothing else: everything that a Go program opens is
// closed on exec.
func spawn(dir string, argv []string) (*process, error) {
	output, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	cmd := &exec.Cmd{
		Path: below(dir, argv[0]), Args: argv, Dir: dir, Stdout: input, Stderr: input,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, output.Close())
	}
	return &process{cmd, output}, nil
}

// momentary reports whether a script could not be started because of what the
// system lacks at the moment, or because somebody is writing the file.
func momentary(err error) bool {
	for _, cause := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// wait waits for the end. Children that the script left behind may still write.
func (p *process) wait() ending {
	_ = p.cmd.Wait() // its result is in ProcessState
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return ending{code: p.cmd.ProcessState.ExitCode()}
	}
	return ending{signal: status.Signal()}
}

// kill kills a script with its children. It fails when all have ended; if that
// was a moment ago, no stranger has the number yet.
func kill(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

const (
	// maxLine and maxLines bound what one run of a script writes into our log.
	maxLine  = 1024
	maxLines = 100
)

// logOutput logs what comes until the end, and reads on without logging when it
// is too much: a script that writes must not have to wait, nor die of it.
func logOutput(output io.Reader, log *slog.Logger) {
	lines := bufio.NewReaderSize(output, maxLine)
	for range maxLines {
		line, _, err := lines.ReadLine() // a longer line comes in pieces
		if err != nil {
			return
		}
		log.Info("a script says", "text", string(line))
	}
	if n, _ := io.Copy(io.Discard, lines); n > 0 {
		log.Info("a script says more than is logged", "lines", maxLines, "more_bytes", n)
	}
}
