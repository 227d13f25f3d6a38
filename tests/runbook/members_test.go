package runbook

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// patience is for a group of six race-enabled processes on a busy machine.
const patience = time.Minute

// TestMembers follows docs/MEMBERS.md.
func TestMembers(t *testing.T) {
	t.Parallel()
	procs.NeedTool(t, "redis-cli", "redis-tools")
	w := newWorld(t)
	for _, s := range readPage(t, filepath.Join("..", "..", "docs", "MEMBERS.md")) {
		w.do(s)
	}
}

// world is the machines of the page.
type world struct {
	t     *testing.T
	dir   string
	net   string // "127.x.y."
	here  *strings.Replacer
	nodes map[string]*procs.Node // by the page's address
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, dir: t.TempDir(), nodes: map[string]*procs.Node{},
		// The ports of the page are fixed, so the addresses are drawn: nobody
		// else is on them.
		net: fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(255)),
	}
	master := procs.Redis(t, procs.Opts{})
	w.here = strings.NewReplacer("10.0.0.100:6379", master.Addr.String(),
		"10.0.0.100\n6379\n", fmt.Sprintf("%s\n%d\n", master.Addr.Host, master.Addr.Port), "10.0.0.", w.net)
	return w
}

// machine is the folder that stands for a machine's disk.
func (w *world) machine(addr string) string { return filepath.Join(w.dir, addr) }

// translate turns a text of the page into one that is right here.
func (w *world) translate(s step, text string) string {
	text = w.here.Replace(text)
	if s.machine != "" {
		text = strings.ReplaceAll(text, "/var/lib", filepath.Join(w.machine(s.machine), "lib"))
	}
	return strings.ReplaceAll(text, "/etc", filepath.Join(w.dir, "etc"))
}

func (w *world) do(s step) {
	w.t.Helper()
	w.t.Log(s)
	switch {
	case s.deed != "":
		w.act(s)
	case strings.HasPrefix(s.commands, "redis-failover "):
		w.start(s)
	default:
		w.run(s)
	}
}

// start starts the node of a machine.
func (w *world) start(s step) {
	w.t.Helper()
	words := strings.Fields(strings.ReplaceAll(w.translate(s, s.commands), "\\\n", " "))
	w.nodes[s.machine] = procs.StartNode(w.t, procs.NodeOpts{Args: words[1:]})
}

// asks are commands that change nothing.
var asks = regexp.MustCompile(`SENTINEL (CKQUORUM|GET-MASTER-ADDR-BY-NAME|MEMBERS)`)

// run runs the commands of a block, one line after the other.
func (w *world) run(s step) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Join(w.dir, "etc", "redis-failover"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	limit := time.Duration(0) // once
	if asks.MatchString(s.commands) {
		limit = patience
	}
	procs.Eventually(w.t, limit, func() error {
		var printed string
		for line := range strings.Lines(w.translate(s, s.commands)) {
			printed += w.command(s, line)
		}
		if want := w.translate(s, s.want); s.checked && strings.TrimSpace(printed) != strings.TrimSpace(want) {
			return fmt.Errorf("%v\nprinted %q, the page says %q", s, printed, want)
		}
		return nil
	})
}

// command runs one command and returns what it prints. A change that was refused
// because the group had no leader at that moment, or somebody was slow to answer,
// is asked for again, as the refusal says.
func (w *world) command(s step, line string) (printed string) {
	w.t.Helper()
	procs.Eventually(w.t, patience, func() error {
		cmd := exec.CommandContext(w.t.Context(), "bash", "-euo", "pipefail", "-c", line)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			w.t.Fatalf("%v: %v: %s%s", s, err, out, &stderr)
		}
		if printed = string(out); strings.Contains(printed, "Nothing was changed") {
			return fmt.Errorf("%v: %s", s, printed)
		}
		return nil
	})
	return printed
}

// act does to a machine what a person or fate does.
func (w *world) act(s step) {
	w.t.Helper()
	var from, to string
	switch {
	case scan(s.deed, "lose %s", &from):
		w.nodes[from].Kill()
		if err := os.RemoveAll(w.machine(from)); err != nil {
			w.t.Fatal(err)
		}
	case scan(s.deed, "await the end of %s", &from):
		w.nodes[from].AwaitExit(patience)
	case scan(s.deed, "move the data of %s to %s", &from, &to):
		if err := os.Rename(w.machine(from), w.machine(to)); err != nil {
			w.t.Fatal(err)
		}
	default:
		w.t.Fatalf("%v: the test does not know how", s)
	}
}

// scan reports whether a text has that form, and reads its words.
func scan(text, form string, words ...*string) bool {
	args := make([]any, len(words))
	for i, word := range words {
		args[i] = word
	}
	_, err := fmt.Sscanf(text, form, args...)
	return err == nil
}
