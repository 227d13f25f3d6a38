package upgrade

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-failover/cluster/state"
)

// The members of the log.
const (
	old1 = state.MemberID("1111111111111111111111111111111111111111")
	old2 = state.MemberID("2222222222222222222222222222222222222222")
)

// entries is a log being written.
type entries struct {
	t     *testing.T
	lines []string
}

// add writes an entry as this build does.
func (e *entries) add(op state.Op) {
	e.t.Helper()
	text, err := state.EncodeMutation(state.Mutation{ID: state.MutationID{Member: old1, Seq: uint64(len(e.lines) + 1)}, At: 5, Op: op})
	if err != nil {
		e.t.Fatal(err)
	}
	e.lines = append(e.lines, string(text))
}

// raw writes an entry as another build may. Schema 0 is none.
func (e *entries) raw(kind string, schema int, body string) {
	need := ""
	if schema > 0 {
		need = fmt.Sprintf(`"Schema":%d,`, schema)
	}
	e.lines = append(e.lines, fmt.Sprintf(`{"ID":{"Member":"%s","Seq":%d},"At":5,"Kind":%q,%s"Op":%s}`, old1, len(e.lines)+1, kind, need, body))
}

// member has a member say what its build knows.
func (e *entries) member(id state.MemberID, schema int) {
	e.t.Helper()
	e.add(state.OpMember{Member: state.Member{ID: id, RunID: "run", Version: fmt.Sprintf("0.%d", schema), Schema: schema, Alive: true}})
}

// replayed is what one build made of a log: a line for each entry, and why it
// stopped before the end, "" if it did not.
type replayed struct {
	lines   []string
	stopped string
}

// replay runs a program of replay over a log.
func replay(t *testing.T, program string, log []string, args ...string) replayed {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(strings.Join(log, "\n") + "\n")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%s: %v\n%s", cmd, err, complaints.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	why, stopped := strings.CutPrefix(lines[len(lines)-1], "stopped: ")
	if !stopped {
		return replayed{lines: lines}
	}
	return replayed{lines[:len(lines)-1], why}
}

// same says where two builds made something different of the same entries.
func same(a, b []string) error {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Errorf("entry %d: one build says\n%s\nand the other\n%s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("one build has %d entries, the other %d", len(a), len(b))
	}
	return nil
}

// logOfOldMembers is a log in which nobody needs more than the present schema, and which a
// newer node writes to all the same.
func logOfOldMembers(t *testing.T) *entries {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "cluster", "state", "testdata", "schema1", "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	e := &entries{t: t, lines: strings.Split(strings.TrimSpace(string(text)), "\n")}
	s := state.New()
	for _, line := range e.lines {
		m, err := state.DecodeMutation([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		s, _ = state.Apply(s, s.Index+1, m)
	}
	for m := range s.Members() {
		e.add(state.OpForget{Member: m.ID})
	}
	e.member(old1, present)
	e.member(old2, later)
	e.add(state.OpMonitor{Name: "w", Addr: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 1, Settings: state.DefaultSettings()})
	e.raw("label", later, `{"Name":"w","Label":"x"}`)
	e.raw("label", later, `{"Name":"no such master","Label":"x"}`)
	e.raw("label", later, `["cannot","be","read"]`)
	e.raw("remove", later, `{"Name":"w","OnlyIf":{"Label":"x"}}`)
	e.raw("set", later, `{"Name":"w","Options":[{"Name":"quorum","Values":["3"]},{"Name":"tag","Values":["x"]}]}`)
	e.raw("monitor", later, `{"Name":"v","Addr":"10.0.0.1:6379","Quorum":1,"Settings":{"DownAfter":1,"FailoverTimeout":1,"ParallelSyncs":1,"Tag":"x"}}`)
	e.lines = append(e.lines, e.lines[len(e.lines)-1]) // twice
	e.raw("of the version after the next", later+1, `{}`)
	e.add(state.OpSet{Name: "w", Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	return e
}

// TestReplay: this build and the next come to the same documents and the same
// refusals, until all members know the next schema. There this build stops, and
// the next goes on.
func TestReplay(t *testing.T) {
	now, next := build(t, "./tests/upgrade/replay", false), build(t, "./tests/upgrade/replay", true)
	log := logOfOldMembers(t)
	refused, want := 0, fmt.Sprintf(" schema: this needs schema %d, and %d is in force: 11111111 (version 0.%[2]d) knows %[2]d; upgrade all members first", later, present)
	for _, line := range replay(t, now, log.lines).lines {
		if strings.HasSuffix(line, want) {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d entries of the next version were refused in so many words, not 6", refused)
	}

	last := len(log.lines) + 1
	log.member(old1, later)
	log.raw("label", later, `{"Name":"w","Label":"y"}`)
	log.raw("set", later, `{"Name":"w","Options":[{"Name":"tag","Values":["y"]}]}`)
	log.member(old2, present)
	a, b := replay(t, now, log.lines), replay(t, next, log.lines)
	if b.stopped != "" || len(b.lines) != len(log.lines) {
		t.Fatalf("the next build stopped after %d of %d entries: %s", len(b.lines), len(log.lines), b.stopped)
	}
	if err := same(a.lines, b.lines[:min(last, len(b.lines))]); err != nil {
		t.Error(err)
	}
	want = fmt.Sprintf("the document has schema version %d in force, this build knows up to %d: start the build that wrote it, or a later one", later, present)
	if a.stopped != want {
		t.Errorf("this build stopped because %q, not because %q", a.stopped, want)
	}
	wants := []string{" : ", " : ", fmt.Sprintf(" schema: schema %d is in force, and member %s (version 0.%[3]d) knows %[3]d: start a build that knows it there", later, old2, present)}
	for i, want := range wants {
		if line := b.lines[last+i]; !strings.HasSuffix(line, want) {
			t.Errorf("after the upgrade: %s, which should end with %q", line, want)
		}
	}
}

// TestReplayWithoutNumbers: entries of the next version that do not say what they
// need (a fault, or somebody else's work) are refused by both builds. The words
// differ, the documents do not.
func TestReplayWithoutNumbers(t *testing.T) {
	now, next := build(t, "./tests/upgrade/replay", false), build(t, "./tests/upgrade/replay", true)
	log := logOfOldMembers(t)
	first := len(log.lines)
	log.raw("label", 0, `{"Name":"w","Label":"x"}`)
	log.raw("set", 0, `{"Name":"w","Options":[{"Name":"quorum","Values":["3"]},{"Name":"tag","Values":["x"]}]}`)
	a, b := replay(t, now, log.lines), replay(t, next, log.lines)
	documents := func(lines []string) (sums []string) {
		for _, line := range lines {
			sum, _, _ := strings.Cut(line, ": ")
			sums = append(sums, strings.Join(strings.Fields(sum)[:4], " "))
		}
		return sums
	}
	if err := same(documents(a.lines), documents(b.lines)); err != nil {
		t.Error(err)
	}
	for _, line := range slices.Concat(a.lines[first:], b.lines[first:]) {
		if strings.HasSuffix(line, " : ") {
			t.Errorf("accepted: %s", line)
		}
	}
}

// TestReplaySnapshots: while the old schema is in force a snapshot of either
// build can be read by both, and they go on the same from it; afterwards this
// build refuses it.
func TestReplaySnapshots(t *testing.T) {
	now, next := build(t, "./tests/upgrade/replay", false), build(t, "./tests/upgrade/replay", true)
	log := logOfOldMembers(t).lines
	whole, half := replay(t, now, log), len(log)/2
	var snapshots [][]byte
	for i, writer := range []string{now, next} {
		path := filepath.Join(t.TempDir(), "snapshot")
		replay(t, writer, log[:half], "-save", path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, text)
		for _, reader := range []string{now, next} {
			rest := replay(t, reader, log[half:], "-from", path)
			if err := same(rest.lines, whole.lines[half:]); err != nil || rest.stopped != "" {
				t.Errorf("from a snapshot of build %d: %v %s", i, err, rest.stopped)
			}
		}
	}
	if !bytes.Equal(snapshots[0], snapshots[1]) {
		t.Error("the two builds write the same document differently")
	}

	path := filepath.Join(t.TempDir(), "snapshot")
	upgraded := &entries{t: t}
	upgraded.member(old1, later)
	upgraded.add(state.OpMonitor{Name: "w", Addr: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 1, Settings: state.DefaultSettings()})
	upgraded.raw("label", later, `{"Name":"w","Label":"y"}`)
	replay(t, next, upgraded.lines, "-save", path)
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(`"Label":"y"`)) {
		t.Fatalf("the snapshot of the next version is %s, %v", text, err)
	}
	if got := replay(t, now, log, "-from", path); len(got.lines) > 0 || !strings.HasPrefix(got.stopped, fmt.Sprintf("the document has schema version %d in force", later)) {
		t.Errorf("this build went on with it for %d entries: %s", len(got.lines), got.stopped)
	}
}
