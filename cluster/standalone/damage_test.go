package standalone

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"redis-failover/cluster/state"
)

// proposeAll opens a broker, adds masters from..to-1 one by one, and closes it.
func proposeAll(t *testing.T, o Options, from, to int) {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	for i := from; i < to; i++ {
		op := state.OpMonitor{Name: fmt.Sprintf("m%d", i), Addr: state.Addr{Host: "h", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()}
		if _, _, err := b.Propose(context.Background(), state.Mutation{Op: op}); err != nil {
			t.Fatalf("propose: %v", err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// contents is a folder without a file system.
func (d *memDisk) contents() map[string][]byte {
	files := map[string][]byte{}
	for name, n := range d.names {
		files[name] = n.data
	}
	return files
}

func diskWith(files map[string][]byte) *memDisk {
	d := newMemDisk(rand.New(rand.NewPCG(1, 1)))
	for name, data := range files {
		n := &inode{data: bytes.Clone(data), durable: bytes.Clone(data)}
		d.names[name], d.durable[name] = n, n
	}
	return d
}

// sample returns the files of a broker with six changes: one log, or, rolled,
// a sealed log and the one after it with the snapshot still missing.
func sample(t *testing.T, rolled bool) map[string][]byte {
	t.Helper()
	d := newMemDisk(rand.New(rand.NewPCG(1, 1)))
	if !rolled {
		proposeAll(t, Options{Dir: "/", disk: d}, 0, 6)
		return d.contents()
	}
	o := Options{Dir: "/", disk: d, SnapshotEvery: 4}
	o.setDefaults()
	b, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	b.writer.spawn = func(func()) {} // the snapshot never gets done
	l := &lives{t: t, b: b, disk: d, seen: map[string]int{}, acked: map[string]state.Index{}}
	for range 6 {
		l.propose(1)
	}
	return d.contents()
}

const (
	firstLog  = "log-00000000000000000000"
	secondLog = "log-00000000000000000004"
	firstSnap = "snapshot-00000000000000000000"
)

// TestDamageIsNeverSilent flips each bit of each file. Whatever the flip hits,
// the folder is refused; no flip loses an acknowledged change.
func TestDamageIsNeverSilent(t *testing.T) {
	for _, rolled := range []bool{false, true} {
		files := sample(t, rolled)
		for name, good := range files {
			for at := range good {
				bad := bytes.Clone(good)
				bad[at] ^= 1 << (at % 8)
				changed := maps.Clone(files)
				changed[name] = bad
				if r, err := recoverFolder(diskWith(changed)); err == nil {
					t.Fatalf("a flipped bit at %d of %s was not noticed: %d masters of 6", at, name, r.state.Len())
				}
			}
		}
	}
}

// TestMissingFiles takes each file away.
func TestMissingFiles(t *testing.T) {
	for _, rolled := range []bool{false, true} {
		files := sample(t, rolled)
		for name := range files {
			fewer := maps.Clone(files)
			delete(fewer, name)
			_, err := recoverFolder(diskWith(fewer))
			if c := (*CorruptError)(nil); !errors.As(err, &c) {
				t.Errorf("without %s (of %d files): %v", name, len(files), err)
			}
		}
	}
}

// TestFirstStartInterrupted: what a first start leaves behind at any moment is
// no damage, and begins anew.
func TestFirstStartInterrupted(t *testing.T) {
	files := sample(t, false)
	empty := files[firstLog][:headerSize]
	for what, left := range map[string]map[string][]byte{
		"nothing":               {},
		"unfinished log":        {firstLog + ".tmp": empty[:10]},
		"empty log":             {firstLog: empty},
		"unfinished snapshot":   {firstLog: empty, firstSnap + ".tmp": []byte("x")},
		"files of other people": {"lost+found": nil, "notes.txt": []byte("x"), "log-7": []byte("x"), "snapshot-x.tmp": nil},
	} {
		d := diskWith(left)
		b, err := Open(Options{Dir: "/", disk: d})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_ = b.Close()
		for name := range left {
			if _, there := d.names[name]; !there && !strings.HasSuffix(name, ".tmp") {
				t.Errorf("%s: %s was deleted", what, name)
			}
		}
	}
}

// damage changes the bytes of a log; begin is where its last record begins.
type damage func(log []byte, begin int) []byte

func TestTornOrDamaged(t *testing.T) {
	zero := func(from, to int) damage {
		return func(log []byte, begin int) []byte {
			clear(log[begin+from : min(begin+to, len(log))])
			return log
		}
	}
	cutAt := func(n int) damage { return func(log []byte, begin int) []byte { return log[:begin+n] } }
	for _, c := range []struct {
		name string
		do   damage
		want string // "" for intact, "torn", or the error
	}{
		{"untouched", func(log []byte, _ int) []byte { return log }, ""},
		{"last record gone without a trace", cutAt(0), "whole"},
		{"one byte of it", cutAt(1), "torn"},
		{"magic only", cutAt(4), "torn"},
		{"header but for a byte", cutAt(recordHeaderSize - 1), "torn"},
		{"header only", cutAt(recordHeaderSize), "torn"},
		{"half of it", cutAt(200), "torn"},
		{"all zeros", zero(0, 9999), "torn"},
		{"first byte left, then zeros", zero(1, 9999), "torn"},
		{"first sector missing", func(log []byte, begin int) []byte {
			clear(log[begin : (begin/512+1)*512])
			return log
		}, "torn"},
		{"middle sector missing", func(log []byte, begin int) []byte {
			at := (begin/512 + 2) * 512
			clear(log[at : at+512])
			return log
		}, "torn"},
		{"last sector missing", func(log []byte, begin int) []byte {
			clear(log[len(log)/512*512:])
			return log
		}, "torn"},
		{"a missing sector and a cut", func(log []byte, begin int) []byte {
			clear(log[begin : (begin/512+1)*512])
			return log[:len(log)-100]
		}, "torn"},
		{"a byte of the payload", func(log []byte, begin int) []byte { log[begin+100] ^= 1; return log }, "every sector of it was written"},
		{"a byte of the header", func(log []byte, begin int) []byte { log[begin+9] ^= 1; return log }, "no record, and not an unfinished one"},
		{"zeros less than a sector", zero(100, 120), "every sector of it was written"},
		{"an earlier record's payload", func(log []byte, _ int) []byte { log[headerSize+100] ^= 1; return log }, "not the last one"},
		{"an earlier record's header", func(log []byte, _ int) []byte { log[headerSize+1] ^= 1; return log }, "followed by an intact one"},
		{"an earlier sector all zeros", func(log []byte, _ int) []byte { clear(log[128:512]); return log }, "followed by an intact one"},
		{"an earlier record taken out", func(log []byte, begin int) []byte {
			size := recordHeaderSize + int(binary.LittleEndian.Uint32(log[headerSize+8:]))
			return append(log[:headerSize], log[headerSize+size:]...)
		}, "begins at index 2 where 1 should follow"},
		{"garbage behind", func(log []byte, _ int) []byte { return append(log, "garbage"...) }, "no record"},
		{"a record of another log behind", func(log []byte, _ int) []byte {
			return append(log, encodeRecord(1, recordEntries, 10, [][]byte{[]byte("{}")})...)
		}, "no record"},
		{"a record of an unknown kind", appendRecord(99, 10, []byte("{}")), "kind 99"},
		{"an index that was there", appendRecord(recordEntries, 9, []byte("{}")), "begins at index 9 where 10 should follow"},
		{"an index left out", appendRecord(recordEntries, 11, []byte("{}")), "begins at index 11 where 10 should follow"},
		{"an entry that is no mutation", appendRecord(recordEntries, 10, []byte("[]")), "change 10"},
		{"cut inside the header", func(log []byte, _ int) []byte { return log[:100] }, "inside its 128-byte header"},
		{"emptied", func([]byte, int) []byte { return nil }, "inside its 128-byte header"},
		{"not ours", func(log []byte, _ int) []byte { return append([]byte("PK"), log...) }, "no file of redis-failover"},
		{"snapshot in its place", func(log []byte, _ int) []byte { return sampleSnapshot() }, "another kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, begin := batchSample(t)
			files[firstLog] = c.do(files[firstLog], begin)
			var out bytes.Buffer
			b, err := Open(Options{Dir: "/d", disk: diskWith(files), Logger: slog.New(slog.NewTextHandler(&out, nil))})
			if err == nil {
				defer b.Close()
			}
			switch c.want {
			case "", "whole", "torn":
				if err != nil {
					t.Fatalf("open: %v", err)
				}
				wantLen := map[bool]int{true: 9, false: 1}[c.want == ""]
				if b.State().Len() != wantLen {
					t.Errorf("%d masters are left, not %d", b.State().Len(), wantLen)
				}
				if warned := strings.Contains(out.String(), "unfinished write"); warned != (c.want == "torn") {
					t.Errorf("the log says %q", out.String())
				}
			default:
				checkRefusal(t, err, c.want)
			}
		})
	}
}

// checkRefusal: damage is refused with the file, the offset, what was found, and
// what to do.
func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	c := (*CorruptError)(nil)
	if !errors.As(err, &c) {
		t.Fatalf("open: %v", err)
	}
	for _, part := range []string{want, "/d/" + firstLog, fmt.Sprintf("offset %d", c.Offset), "backup", "move /d away", "is lost"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

// batchSample is a log of two records: one master, then eight at once, which
// take several sectors.
func batchSample(t *testing.T) (files map[string][]byte, begin int) {
	d := newMemDisk(rand.New(rand.NewPCG(1, 1)))
	o := Options{Dir: "/", disk: d}
	o.setDefaults()
	b, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &lives{t: t, b: b, disk: d, seen: map[string]int{}, acked: map[string]state.Index{}}
	l.propose(1)
	begin = int(b.writer.store.end)
	l.propose(8)
	return d.contents(), begin
}

func sampleSnapshot() []byte {
	content, err := encodeSnapshot(newID(), state.New())
	if err != nil {
		panic(err)
	}
	return content
}

// appendRecord adds a record with right checksums.
func appendRecord(kind recordKind, first state.Index, entry []byte) damage {
	return func(log []byte, _ int) []byte {
		return append(log, encodeRecord(binary.LittleEndian.Uint64(log[24:]), kind, first, [][]byte{entry})...)
	}
}

func TestDamagedSnapshot(t *testing.T) {
	good := sample(t, false)
	rehead := func(change func(h []byte)) func([]byte) []byte {
		return func(file []byte) []byte {
			change(file)
			binary.LittleEndian.PutUint32(file[124:], crc32.Checksum(file[:124], castagnoli))
			return file
		}
	}
	for _, c := range []struct {
		name string
		do   func([]byte) []byte
		want string
	}{
		{"cut", func(f []byte) []byte { return f[:len(f)-1] }, "the header says"},
		{"longer", func(f []byte) []byte { return append(f, 0) }, "the header says"},
		{"a byte", func(f []byte) []byte { f[headerSize+5] ^= 1; return f }, "checksum of the document"},
		{"another index", rehead(func(h []byte) { h[16] = 7 }), "index 7"},
		{"no identity", rehead(func(h []byte) { h[44] = 'x' }), "no member id"},
		{"another identity", rehead(func(h []byte) { copy(h[44:], strings.Repeat("0", 40)) }), "files of two folders were mixed"},
		{"not a document", func(f []byte) []byte {
			body := []byte(`{"Schema":`)
			binary.LittleEndian.PutUint64(f[32:], uint64(len(body)))
			binary.LittleEndian.PutUint32(f[40:], crc32.Checksum(body, castagnoli))
			return rehead(func([]byte) {})(append(f[:headerSize], body...))
		}, "the checksum is right, but"},
	} {
		files := maps.Clone(good)
		files[firstSnap] = c.do(bytes.Clone(good[firstSnap]))
		_, err := Open(Options{Dir: "/d", disk: diskWith(files)})
		if corrupt := (*CorruptError)(nil); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestNewerBuild: files of a newer build are refused as such, and left alone.
func TestNewerBuild(t *testing.T) {
	good := sample(t, false)
	for _, c := range []struct {
		name, file, want string
		at               int
	}{
		{"format of the log", firstLog, "format version 2, this build knows up to 1", 8},
		{"schema of the log", firstLog, fmt.Sprintf("schema version %d", state.SchemaVersion+1), 12},
		{"format of the snapshot", firstSnap, "format version 2", 8},
		{"schema of the snapshot", firstSnap, "schema version", 12},
	} {
		dir := t.TempDir()
		for name, data := range good {
			data = bytes.Clone(data)
			if name == c.file {
				data[c.at]++
				binary.LittleEndian.PutUint32(data[124:], crc32.Checksum(data[:124], castagnoli))
			}
			writeFile(t, filepath.Join(dir, name), data)
		}
		before := readFolder(t, dir)
		_, err := Open(Options{Dir: dir})
		newer := (*NewerError)(nil)
		if !errors.As(err, &newer) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(dir, c.file)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if !maps.Equal(readFolder(t, dir), before) {
			t.Errorf("%s: the folder was changed", c.name)
		}
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readFolder is the content of a folder but for the lock.
func readFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// TestAdviceWorks damages a folder, does what the error says, word by word, and
// starts again.
func TestAdviceWorks(t *testing.T) {
	for _, rolled := range []bool{false, true} {
		dir := t.TempDir()
		for name, data := range sample(t, rolled) {
			writeFile(t, filepath.Join(dir, name), data)
		}
		name := filepath.Join(dir, firstLog)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		second := headerSize + recordHeaderSize + int(binary.LittleEndian.Uint32(data[headerSize+8:]))
		data[second+50] ^= 1
		writeFile(t, name, data)
		before := readFolder(t, dir)
		_, err = Open(Options{Dir: dir})
		if err == nil || !maps.Equal(readFolder(t, dir), before) {
			t.Fatalf("open changed the folder, or did not refuse it: %v", err)
		}
		if !strings.Contains(err.Error(), "up to number 1") {
			t.Errorf("the error does not say what is intact: %v", err)
		}
		command := regexp.MustCompile("`(truncate -s [0-9]+ [^`]+)`( and move away ([^;]+);)?").FindStringSubmatch(err.Error())
		if command == nil || (command[3] != "") != rolled {
			t.Fatalf("no usable advice in: %v", err)
		}
		if out, err := exec.Command("sh", "-c", command[1]).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command[1], err, out)
		}
		if rolled {
			if err := os.Remove(filepath.Join(dir, command[3])); err != nil {
				t.Fatal(err)
			}
		}
		b, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatalf("after following the advice: %v", err)
		}
		if b.State().Len() != 1 {
			t.Errorf("%d masters instead of 1", b.State().Len())
		}
		_ = b.Close()
	}
}

// TestOlderSnapshot: a damaged snapshot whose predecessor has not been deleted
// yet is no loss, and the error says so.
func TestOlderSnapshot(t *testing.T) {
	files := sample(t, true)
	bad := bytes.Clone(files[firstSnap])
	bad[20] ^= 1
	files["snapshot-00000000000000000004"] = bad
	_, err := Open(Options{Dir: "/d", disk: diskWith(files)})
	if err == nil || !strings.Contains(err.Error(), "move snapshot-00000000000000000004 away, so that "+firstSnap) {
		t.Fatalf("open: %v", err)
	}
	delete(files, "snapshot-00000000000000000004")
	b, err := Open(Options{Dir: "/d", disk: diskWith(files)})
	if err != nil || b.State().Len() != 6 {
		t.Fatalf("after moving it away: %v", err)
	}
	_ = b.Close()
}

// TestStrayLog: a log that holds changes and that nothing leads to is refused.
func TestStrayLog(t *testing.T) {
	files := sample(t, true)
	first := files[firstLog]
	files[firstLog] = first[:len(first)-recordHeaderSize] // without its seal
	_, err := Open(Options{Dir: "/d", disk: diskWith(files)})
	if err == nil || !strings.Contains(err.Error(), "does not lead to "+secondLog) {
		t.Fatalf("open: %v", err)
	}
	files[secondLog] = files[secondLog][:headerSize] // empty: the seal was never written
	d := diskWith(files)
	b, err := Open(Options{Dir: "/d", disk: d})
	if err != nil || b.State().Len() != 4 {
		t.Fatalf("with an empty second log: %v", err)
	}
	_ = b.Close()
	if _, there := d.names[secondLog]; there {
		t.Error("the empty log is still there")
	}
}
