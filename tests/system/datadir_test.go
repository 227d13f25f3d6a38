package system

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// snapshot is what a folder holds, by path.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// checkUnchanged fails the test if a folder is not as it was. Its lock says who
// looked at it last, and may.
func checkUnchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := snapshot(t, dir)
	lock := filepath.Join(dir, "lock")
	after[lock] = before[lock]
	for path, content := range before {
		if after[path] != content {
			t.Errorf("%s was changed or removed", path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok && path != lock {
			t.Errorf("%s was added", path)
		}
	}
}

// checkRefusedStart runs the program and fails the test unless it ends with an
// error that contains all these words.
func checkRefusedStart(t *testing.T, args []string, words ...string) {
	t.Helper()
	r := procs.Run(t, args...)
	said := r.Stdout + r.Stderr
	if r.Code != 1 {
		t.Errorf("exit code %d, want 1; it said:\n%s", r.Code, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("its message does not contain %q:\n%s", word, said)
		}
	}
	if strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		t.Errorf("it crashed:\n%s", said)
	}
}

// freeAddr is the address for a process that is not expected to come as far as
// listening.
const freeAddr = "127.0.0.1:0"

func TestUnusableDataDirectory(t *testing.T) {
	t.Parallel()
	t.Run("below a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte("not a folder"), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(file, "data")
		checkRefusedStart(t, []string{"-addr=" + freeAddr, "-data_dir=" + dir}, dir, "not a directory")
	})
	t.Run("read-only", func(t *testing.T) {
		dir := mount(t, "size=64k,ro")
		checkRefusedStart(t, []string{"-addr=" + freeAddr, "-data_dir=" + dir}, dir, "read-only")
	})
}

func TestStrangersFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := procs.Failover(t, "-data_dir="+dir)
	n.Must("SENTINEL", "MONITOR", "m", "127.0.0.1", 1, 1)
	n.Kill()
	n.Restart()
	n.Stop()
	if got, err := os.ReadFile(file); err != nil || string(got) != "mine" {
		t.Errorf("a file that is not ours holds %q now (%v)", got, err)
	}
}

// mount mounts a small file system in memory for the length of the test.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) {
		if os.Getenv("CI") == "true" {
			t.Fatal("mounting needs root; with CI=true it must work")
		}
		t.Skip("mounting needs root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// usedDataDir is a data directory of a process that has ended, with some
// changes in its log, and the path of that log.
func usedDataDir(t *testing.T) (dir, log string) {
	t.Helper()
	n := procs.Failover(t)
	for i := range 5 {
		n.Must("SENTINEL", "MONITOR", fmt.Sprint("m", i), "127.0.0.1", 1, 1)
	}
	n.Kill()
	logs, err := filepath.Glob(filepath.Join(n.DataDir, "log-*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%d logs in the data directory (%v), want 1: %v", len(logs), err, snapshotNames(t, n.DataDir))
	}
	return n.DataDir, logs[0]
}

func snapshotNames(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for path := range snapshot(t, dir) {
		names = append(names, filepath.Base(path))
	}
	return names
}

// edit changes a file in place.
func edit(t *testing.T, file string, change func([]byte)) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change(content)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// headerSize is that of a log's header; the records come behind it.
const headerSize = 128

func TestDataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	newer := func(offset int) func([]byte) {
		return func(b []byte) {
			binary.LittleEndian.PutUint32(b[offset:], 9)
			sum := crc32.Checksum(b[:headerSize-4], crc32.MakeTable(crc32.Castagnoli))
			binary.LittleEndian.PutUint32(b[headerSize-4:], sum)
		}
	}
	// A damage behind which intact records follow is no torn end.
	flip := func(b []byte) { b[headerSize+40] ^= 1 }
	tests := []struct {
		name   string
		change func([]byte)
		words  []string
	}{
		{"newer format", newer(8), []string{"format version 9", "start the build that wrote it"}},
		{"newer schema", newer(12), []string{"schema version 9", "start the build that wrote it"}},
		{"damaged header", func(b []byte) { b[9] ^= 1 }, []string{"damaged", "checksum", "backup"}},
		{"damaged record", flip, []string{"damaged", "truncate", "backup"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, log := usedDataDir(t)
			edit(t, log, test.change)
			before := snapshot(t, dir)
			checkRefusedStart(t, []string{"-addr=" + freeAddr, "-data_dir=" + dir}, append(test.words, log)...)
			checkUnchanged(t, dir, before)
		})
	}
}

// The last write may have been torn by the crash; it was never acknowledged and
// is cut off.
func TestTornLogIsMended(t *testing.T) {
	t.Parallel()
	n := procs.Failover(t)
	n.Must("SENTINEL", "MONITOR", "kept", "127.0.0.1", 1, 1)
	n.Kill()
	logs, err := filepath.Glob(filepath.Join(n.DataDir, "log-*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %q, %v", logs, err)
	}
	content, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	torn := append(content, content[headerSize:headerSize+20]...) // the begin of a record
	if err := os.WriteFile(logs[0], torn, 0o600); err != nil {
		t.Fatal(err)
	}
	n.Restart()
	if _, err := masterEntry(n, "kept"); err != nil {
		t.Error(err)
	}
	n.AwaitLog(patience, "cut off an unfinished write")
}

// A second process must not come near the first one's folder, nor fight for its
// port.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	first := procs.Failover(t)
	first.Must("SENTINEL", "MONITOR", "m", "127.0.0.1", 1, 1)
	t.Run("same folder", func(t *testing.T) {
		before := snapshot(t, first.DataDir)
		checkRefusedStart(t, []string{"-addr=" + freeAddr, "-data_dir=" + first.DataDir}, "in use", first.DataDir)
		checkUnchanged(t, first.DataDir, before)
	})
	t.Run("same port", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		checkRefusedStart(t, []string{"-addr=" + first.Addr.String(), "-data_dir=" + dir}, "in use", first.Addr.String())
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it made its data directory although it could not listen: %v", err)
		}
	})
	if err := first.NamesMaster("m", state.Addr{Host: "127.0.0.1", Port: 1}); err != nil {
		t.Errorf("the first process: %v", err)
	}
	first.Must("SENTINEL", "SET", "m", "quorum", 3)
}

// A full disk refuses changes, with a reason, and nothing else: lookups are
// answered, and when there is space again all goes on by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(mount(t, "size=512k"), "data")
	s := play(t, stage{args: []string{"-data_dir=" + dir}})
	acknowledged := ""
	set := func(value int) error {
		_, err := s.node.Do("SENTINEL", "SET", group, "failover-timeout", value)
		if err == nil {
			acknowledged = fmt.Sprint(value)
		}
		return err
	}
	filler := filepath.Join(filepath.Dir(dir), "filler")
	fill(t, filler)
	err := set(100_000)
	for i := 100_001; err == nil && i < 110_000; i++ { // what is left of the last page
		err = set(i)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "NOQUORUM Nothing was changed") || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("SET on a full disk gave %v", err)
	}
	s.checkField(group, "failover-timeout", acknowledged)
	if err := s.node.NamesMaster(group, s.Master.Addr); err != nil {
		t.Error(err)
	}

	// A master that dies now must wait: a failover that is not on record
	// would be one that a crash forgets.
	s.Master.Kill()
	s.await("+sdown", ofMaster(s.Master))
	s.node.AwaitLog(patience, "the broker accepts no changes at present")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
	procs.Eventually(t, patience, func() error { return set(98_765) })
	s.node.Kill()
	s.node.Restart()
	s.checkField(group, "failover-timeout", "98765")
	if err := s.node.NamesMaster(group, promoted.Addr); err != nil {
		t.Error(err)
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ended with %v", err)
	}
}
