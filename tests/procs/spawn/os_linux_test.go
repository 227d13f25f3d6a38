package spawn_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// parentVariable makes the test binary play a parent that starts a child and
// then waits to be killed.
const parentVariable = "SPAWN_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		playParent()
	}
	m.Run()
}

func playParent() {
	child, err := spawn.Start(exec.Command("sleep", "1000"))
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(strconv.Itoa(child.Pid()) + "\n")
	<-child.Done()
}

func TestChildDiesWithParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := spawn.Start(parent)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.Kill()
	if err != nil {
		t.Fatalf("the parent did not say its child's id: %v", err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	procs.Eventually(t, 10*time.Second, func() error {
		if running(child) {
			return fmt.Errorf("the child %d outlives its parent", child)
		}
		return nil
	})
}

// running reports whether a process is there and no zombie: the orphan's new
// parent may take its time to wait for it.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// A child must not die with the thread of the goroutine that started it, which
// is what "kill it when its parent dies" means to the kernel.
func TestChildSurvivesThread(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var child *spawn.Process
	tid := onDyingThread(t, func() { child, err = spawn.Start(cmd) })
	if err != nil {
		t.Fatal(err)
	}
	defer child.Kill()
	procs.Eventually(t, 10*time.Second, func() error {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid)); err == nil {
			return errors.New("the thread is still there")
		}
		return nil
	})
	if _, err := in.Write([]byte("there?\n")); err != nil {
		t.Fatalf("the child is gone: %v", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "there?\n" {
		t.Fatalf("the child echoed %q, %v", line, err)
	}
}

// onDyingThread calls f on a thread that ends after that, and returns the
// thread's id.
func onDyingThread(t *testing.T, f func()) int {
	thread := make(chan int)
	for {
		go func() {
			runtime.LockOSThread() // returning without unlocking ends the thread
			tid := syscall.Gettid()
			if tid == os.Getpid() {
				thread <- tid
				<-t.Context().Done() // the main thread never ends: keep it busy
				return
			}
			f()
			thread <- tid
		}()
		if tid := <-thread; tid != os.Getpid() {
			return tid
		}
	}
}

func TestClaim(t *testing.T) {
	name := fmt.Sprintf("test/%d", os.Getpid())
	first, err := spawn.Claim(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spawn.Claim(name); !errors.Is(err, spawn.ErrClaimed) {
		t.Errorf("second claim: %v, want %v", err, spawn.ErrClaimed)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := spawn.Claim(name)
	if err != nil {
		t.Fatalf("claim after it was given back: %v", err)
	}
	again.Close()
}
