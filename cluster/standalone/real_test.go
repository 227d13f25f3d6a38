package standalone

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func monitorOp(i int) state.OpMonitor {
	return state.OpMonitor{Name: fmt.Sprintf("m%d", i), Addr: state.Addr{Host: "h", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()}
}

func mustOpen(t testing.TB, o Options) *Broker {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func mustPropose(t testing.TB, b *Broker, op state.Op) state.Index {
	t.Helper()
	out, index, err := b.Propose(context.Background(), state.Mutation{Op: op})
	if err != nil || out.Refused() {
		t.Fatalf("propose: %+v, %v", out, err)
	}
	return index
}

func TestIdentity(t *testing.T) {
	const given = "0123456789abcdef0123456789abcdef01234567"
	dir := filepath.Join(t.TempDir(), "missing", "folders")
	b := mustOpen(t, Options{Dir: dir, ID: given})
	if b.Self() != given {
		t.Errorf("Self is %s", b.Self())
	}
	_ = b.Close()
	for _, id := range []state.MemberID{"", given} {
		b := mustOpen(t, Options{Dir: dir, ID: id})
		if b.Self() != given {
			t.Errorf("opened with %q, Self is %s", id, b.Self())
		}
		_ = b.Close()
	}
	other := state.MemberID(strings.Repeat("f", 40))
	_, err := Open(Options{Dir: dir, ID: other})
	if err == nil || !strings.Contains(err.Error(), given) || !strings.Contains(err.Error(), string(other)) {
		t.Errorf("with another id: %v", err)
	}
	for _, bad := range []state.MemberID{"x", state.MemberID(given[:39]), state.MemberID(given + "0"), state.MemberID(strings.Repeat("F", 40))} {
		if _, err := Open(Options{Dir: t.TempDir(), ID: bad}); err == nil || !strings.Contains(err.Error(), "40 lower-case hex") {
			t.Errorf("with the id %q: %v", bad, err)
		}
	}
	if a, b := newID(), newID(); a == b || checkID(a) != nil {
		t.Errorf("drawn: %s and %s", a, b)
	}
}

// TestNumbersOfANewLife: a number that an earlier life may have given out to a
// proposal that never was logged is not given out again.
func TestNumbersOfANewLife(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := mustOpen(t, o)
	mustPropose(t, b, monitorOp(1))
	last := b.State().LastSeq(b.Self())
	_ = b.Close()
	b = mustOpen(t, o)
	mustPropose(t, b, monitorOp(2))
	if now := b.State().LastSeq(b.Self()); now <= last+seqGap {
		t.Errorf("the first number of the second life is %d, the last of the first was %d", now, last)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := mustOpen(t, Options{Dir: dir, SnapshotEvery: 2})
	for i := range 20 {
		mustPropose(t, b, monitorOp(i))
	}
	_ = b.Close()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, not %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnusableFolders(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	writeFile(t, plain, []byte("x"))
	for path, want := range map[string]string{
		"":                            "no data directory",
		plain:                         "is, or lies below, a file",
		filepath.Join(plain, "below"): "is, or lies below, a file",
	} {
		if _, err := Open(Options{Dir: path}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if data, err := os.ReadFile(plain); err != nil || string(data) != "x" {
		t.Errorf("the file was changed: %q, %v", data, err)
	}
}

// TestForeignFolder opens folders of another user.
func TestForeignFolder(t *testing.T) {
	needRoot(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "data")
	_ = mustOpen(t, Options{Dir: dir}).Close()
	for _, p := range []string{dir, parent, filepath.Dir(parent)} { // others can get there, and read
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, func() {
		for _, path := range []string{dir, filepath.Join(dir, "deeper")} {
			_, err := Open(Options{Dir: path})
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "may not write to the data directory "+path) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
	// The lock can be taken, the files cannot be replaced.
	if err := os.Chmod(filepath.Join(dir, lockName), 0o666); err != nil {
		t.Fatal(err)
	}
	for name := range readFolder(t, dir) {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := readFolder(t, dir)
	asNobody(t, func() {
		if _, err := Open(Options{Dir: dir}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a readable folder that cannot be written to: %v", err)
		}
	})
	if after := readFolder(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the folder was changed")
	}
}

// needRoot skips a test that mounts or changes users. CI runs as root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test needs root, and must not be skipped in CI")
		}
		t.Skip("this test needs root")
	}
}

// asNobody runs f with the file system rights of user 65534. Linux keeps those
// per thread.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := mountTmpfs(t, "1m")
	_ = mustOpen(t, Options{Dir: dir}).Close()
	remount(t, dir, syscall.MS_RDONLY)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "mounted read-only") {
		t.Errorf("open: %v", err)
	}
	remount(t, dir, 0)
	mustPropose(t, mustOpen(t, Options{Dir: dir}), monitorOp(1))
}

// mountTmpfs gives the test a small file system of its own.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("mount tmpfs: %v", err)
		}
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
		t.Fatalf("remount: %v", err)
	}
}

// TestDiskFull fills a real file system, as other programs would.
func TestDiskFull(t *testing.T) {
	dir := mountTmpfs(t, "256k")
	o := Options{Dir: dir, SnapshotEvery: 20, RetryEvery: 20 * time.Millisecond}
	b := mustOpen(t, o)
	mustPropose(t, b, monitorOp(0))
	filler := filepath.Join(dir, "filler")
	fill(t, filler)

	acked := 1
	var refused error
	for refused == nil { // the last page of the log has room for a few
		_, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(acked)})
		if refused = err; err == nil {
			acked++
		}
	}
	if !errors.Is(refused, cluster.ErrNotLogged) || !errors.Is(refused, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", refused)
	}
	if h := b.Health(); h.Condition != cluster.Suspended || !strings.Contains(h.Reason, "no space is left for the data directory "+dir) {
		t.Errorf("health: %+v", h)
	}
	if b.State().Len() != acked {
		t.Errorf("%d masters can be read, %d were acknowledged", b.State().Len(), acked)
	}
	if _, err := b.Barrier(context.Background()); err != nil {
		t.Errorf("barrier: %v", err) // nothing is in doubt
	}

	b = reopen(t, b, o) // a node can be restarted on a full disk
	if b.State().Len() != acked {
		t.Errorf("after a restart on a full disk: %d masters, %d were acknowledged", b.State().Len(), acked)
	}
	if h := b.Health(); h.Condition != cluster.Suspended {
		t.Errorf("after a restart on a full disk the health is %+v", h)
	}
	if _, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(acked)}); !errors.Is(err, cluster.ErrNotLogged) {
		t.Errorf("after a restart on a full disk: %v", err)
	}

	changed := b.HealthChanged()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "health to change by itself", changed)
	if h := b.Health(); h.Condition != cluster.Ready {
		t.Errorf("with space again: %+v", h)
	}
	mustPropose(t, b, monitorOp(acked))
	b = reopen(t, b, o)
	if b.State().Len() != acked+1 {
		t.Errorf("at the end: %d masters, %d were acknowledged", b.State().Len(), acked+1)
	}
}

func reopen(t *testing.T, b *Broker, o Options) *Broker {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return mustOpen(t, o)
}

// fill writes a file until nothing is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, chunk := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, chunk))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill: %v", err)
		}
	}
}

func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited 20 s for %s", what)
	}
}

// TestFirstStartOnFullDisk: without an identity on the disk there is no node.
func TestFirstStartOnFullDisk(t *testing.T) {
	dir := mountTmpfs(t, "64k")
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space is left") {
		t.Errorf("open: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	mustPropose(t, mustOpen(t, Options{Dir: dir}), monitorOp(1))
}

// TestDiskUseIsBounded writes many times what may be kept.
func TestDiskUseIsBounded(t *testing.T) {
	dir := t.TempDir()
	var logs bytes.Buffer
	o := Options{Dir: dir, SnapshotBytes: 20_000, Logger: slog.New(slog.NewTextHandler(&logs, nil))}
	b := mustOpen(t, o)
	var total, most int64
	for i := range 2000 {
		mustPropose(t, b, monitorOp(i%10))
		total += 300
		if i%50 == 0 {
			most = max(most, folderSize(t, dir))
		}
	}
	if most > total/3 {
		t.Errorf("the folder grew to %d bytes, %d were written", most, total)
	}
	before, err := state.EncodeState(b.State())
	if err != nil {
		t.Fatal(err)
	}
	b = reopen(t, b, o)
	if after, err := state.EncodeState(b.State()); err != nil || !bytes.Equal(after, before) {
		t.Errorf("another document after a restart: %v", err)
	}
	if n := len(readFolder(t, dir)); n > 3 {
		t.Errorf("%d files are left", n)
	}
	if logs.Len() > 0 {
		t.Errorf("the log says %s", logs.String())
	}
}

func folderSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	for _, data := range readFolderLoosely(dir) {
		size += int64(len(data))
	}
	return size
}

// readFolderLoosely reads a folder that somebody writes to.
func readFolderLoosely(dir string) map[string][]byte {
	files := map[string][]byte{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if data, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			files[e.Name()] = data
		}
	}
	return files
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	b := mustOpen(t, Options{Dir: dir})
	mustPropose(t, b, monitorOp(1))
	before := readFolder(t, dir)
	pid := strconv.Itoa(os.Getpid())
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process "+pid) {
		t.Errorf("the same process again: %v", err)
	}
	out, err := child(t, "open", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "process "+pid) {
		t.Errorf("another process: %v: %s", err, out)
	}
	if fmt.Sprint(readFolder(t, dir)) != fmt.Sprint(before) {
		t.Error("the folder was changed")
	}
	mustPropose(t, b, monitorOp(2))
	_ = b.Close()
	if out, err := child(t, "open", dir).CombinedOutput(); err != nil {
		t.Errorf("after the holder closed: %v: %s", err, out)
	}
}

// The test binary runs itself as another process when this is set.
const childMode = "STANDALONE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "":
		os.Exit(m.Run())
	case "open":
		childOpen(os.Args[len(os.Args)-1])
	case "write":
		childWrite(os.Args[len(os.Args)-1])
	}
}

func child(t *testing.T, mode, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, dir)
	cmd.Env = append(os.Environ(), childMode+"="+mode)
	return cmd
}

func childOpen(dir string) {
	b, err := Open(Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = b.Close()
}

// ack is one line that childWrite prints.
type ack struct {
	Name  string
	Index state.Index
}

// childWrite proposes from several goroutines until it is killed, and prints
// each acknowledgement.
func childWrite(dir string) {
	b, err := Open(Options{Dir: dir, SnapshotEvery: 60, SnapshotBytes: 30_000})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	start := int(b.State().Index)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("m%d", start+4*i+w)
				op := state.OpMonitor{Name: name, Addr: state.Addr{Host: "h", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()}
				o, index, err := b.Propose(context.Background(), state.Mutation{Op: op})
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				if o.Unchanged { // written by an earlier life, and never acknowledged
					continue
				}
				mu.Lock()
				_ = out.Encode(ack{name, index})
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestKill9 kills a writing process at random moments, again and again on the
// same folder. Nothing that it acknowledged may be missing.
func TestKill9(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	dir := t.TempDir()
	acked := map[string]state.Index{}
	for round := range rounds {
		if round%8 == 0 { // begin with a small document again
			dir, acked = filepath.Join(t.TempDir(), "data"), map[string]state.Index{}
		}
		n := len(acked)
		runAndKill(t, dir, acked)
		b, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatalf("round %d: open: %v", round, err)
		}
		for name, index := range acked {
			m, ok := b.State().Master(name)
			if !ok || state.Index(m.Generation) != index {
				t.Fatalf("round %d: %s was acknowledged with index %d; present: %t", round, name, index, ok)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if round == rounds-1 {
			t.Logf("the last round acknowledged %d changes", len(acked)-n)
		}
	}
}

// runAndKill runs a writer, kills it some time after its first
// acknowledgements, and notes what it acknowledged.
func runAndKill(t *testing.T, dir string, acked map[string]state.Index) {
	t.Helper()
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	enough := 1 + rand.IntN(100)
	for n := 0; ; n++ {
		if n == enough {
			_ = cmd.Process.Kill()
		}
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break // an unfinished line is no acknowledgement
		}
		var a ack
		if err := json.Unmarshal(line, &a); err != nil {
			_ = cmd.Process.Kill()
			t.Fatalf("the writer says %q", line)
		}
		acked[a.Name] = a.Index
	}
	_ = cmd.Wait()
}
