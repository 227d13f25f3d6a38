package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// scripted is a server with both scripts, watching a master with one replica of
// its own.
type scripted struct {
	side
	server *procs.Server
	// dir is where its scripts are, run and write.
	dir string
	// anonymous replaces what differs between the two for good reason.
	anonymous *strings.Replacer
	listener  *session
}

// The scripts keep their words, a file for each run, which is whole or not there
// at all. What they are given is told from what SENTINEL SET sets.
const (
	notesWords  = "#!/bin/sh\n{ echo \"$0 $# in $PWD of $FROM_PARENT\"; for word; do echo \"$word\"; done; } > $$.tmp; mv $$.tmp $$.run\n"
	behavesOdds = `case "$2" in
*"parallel-syncs 11") exit 1 ;;
*"parallel-syncs 12") exit 2 ;;
*"parallel-syncs 13") kill -9 $$ ;;
*"parallel-syncs 14") until [ -e go ]; do sleep 0.05; done ;;
esac
`
)

func newScripted(t *testing.T, name string, start func(dir, conf string) *procs.Server) *scripted {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"notify.sh": notesWords + behavesOdds, "reconfigure.sh": notesWords} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	group := procs.Group(t, 1, procs.Opts{})
	master, replica := group.Master.Addr, group.Replicas[0].Addr
	server := start(dir, fmt.Sprintf("dir %s\nsentinel monitor mymaster %s %d 1\nsentinel down-after-milliseconds mymaster 20000\n"+
		"sentinel deny-scripts-reconfig no\nsentinel notification-script mymaster %s\nsentinel client-reconfig-script mymaster %s\n",
		dir, master.Host, master.Port, filepath.Join(dir, "notify.sh"), filepath.Join(dir, "reconfigure.sh")))
	procs.Eventually(t, patience, func() error { return knowsReplica(server) })
	id, err := server.Do("SENTINEL", "MYID")
	if err != nil {
		t.Fatal(err)
	}
	return &scripted{
		side: side{name, server.Addr.String()}, server: server, dir: dir,
		anonymous: strings.NewReplacer(dir, "<dir>", fmt.Sprintf("%s", id), "<id>",
			strconv.Itoa(master.Port), "<master>", strconv.Itoa(replica.Port), "<replica>"),
	}
}

// runs are the words that scripts were given so far, one line for each run,
// sorted: scripts that run at the same time end in any order.
func (s *scripted) runs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.run"))
	if err != nil {
		t.Fatal(err)
	}
	var runs []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, s.anonymous.Replace(strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", " | ")))
	}
	slices.Sort(runs)
	return runs
}

// A failover runs the same scripts with the same words, in the same surroundings.
func TestScripts(t *testing.T) {
	t.Setenv("FROM_PARENT", "inherited")
	stock := newScripted(t, "redis-sentinel", func(dir, conf string) *procs.Server {
		return procs.Sentinel(t, procs.SentinelOpts{Conf: conf})
	})
	ours := newScripted(t, "redis-failover", func(dir, conf string) *procs.Server {
		file := filepath.Join(dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return procs.Failover(t, file).Server
	})
	both := []*scripted{stock, ours}
	for _, s := range both {
		s.listener = s.dial(t)
		s.listener.send([]string{"SUBSCRIBE", "-script-error"})
		s.listener.read(1)
		s.server.Must("SENTINEL", "FAILOVER", "mymaster")
	}
	t.Run("failover", func(t *testing.T) { compareRuns(t, both) })
	t.Run("exit codes", func(t *testing.T) { compareEndings(t, both) })
}

func compareRuns(t *testing.T, both []*scripted) {
	var given [2][]string
	for i, s := range both {
		procs.Eventually(t, patience, func() error {
			given[i] = s.runs(t)
			for _, event := range []string{"| +failover-end |", "| +switch-master |", "| +monitor |"} {
				if !slices.ContainsFunc(given[i], func(run string) bool { return strings.Contains(run, event) }) {
					return fmt.Errorf("%s has not run a script for %q:\n%s", s.name, event, strings.Join(given[i], "\n"))
				}
			}
			return pending(s, 0)
		})
		given[i] = s.runs(t)
	}
	for i, run := range given[0] {
		// Ours ends behind the switch, so it names the new master.
		if strings.Contains(run, "| +failover-end |") {
			given[0][i] = strings.Replace(run, "<master>", "<replica>", 1)
		}
	}
	const reconfigured = "<dir>/reconfigure.sh 7 in <dir> of inherited | mymaster | leader | start | 127.0.0.1 | <master> | 127.0.0.1 | <replica>"
	if !slices.Equal(given[0], given[1]) || !slices.Contains(given[0], reconfigured) {
		t.Errorf("redis-sentinel:\n%s\nredis-failover:\n%s", strings.Join(given[0], "\n"), strings.Join(given[1], "\n"))
	}
}

// pending returns nil if that many scripts run or wait at a server.
func pending(s *scripted, want int) error {
	reply, err := s.server.Do("SENTINEL", "PENDING-SCRIPTS")
	if list, ok := reply.([]any); err != nil || !ok || len(list) != want {
		return fmt.Errorf("%s: pending are %q (%w), want %d", s.name, reply, err, want)
	}
	return nil
}

// compareEndings has scripts end in several ways.
func compareEndings(t *testing.T, both []*scripted) {
	var errors [2]string
	for i, s := range both {
		for _, value := range []string{"11", "12", "13", "14"} {
			s.server.Must("SENTINEL", "SET", "mymaster", "parallel-syncs", value)
		}
		errors[i] = s.anonymous.Replace(s.listener.read(1)[0].String())
	}
	if want := `*["message" "-script-error" "<dir>/notify.sh 0 2"]`; errors[0] != want || errors[1] != want {
		t.Errorf("redis-sentinel: %s\nredis-failover: %s", errors[0], errors[1])
	}
	var lists [2]string
	for i, s := range both {
		// One runs, two wait to be tried again.
		procs.Eventually(t, patience, func() error {
			lists[i] = s.pendingShape(t)
			if strings.Count(lists[i], `"run-delay"`) != 4 || strings.Count(lists[i], `"run-time"`) != 2 {
				return fmt.Errorf("%s: pending are %s", s.name, lists[i])
			}
			return nil
		})
		if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		procs.Eventually(t, patience, func() error { return pending(s, 2) })
	}
	if lists[0] != lists[1] {
		t.Errorf("redis-sentinel: %s\nredis-failover: %s", lists[0], lists[1])
	}
}

// pendingShape is the shape of PENDING-SCRIPTS in both protocols, with the number
// of attempts.
func (s *scripted) pendingShape(t *testing.T) string {
	t.Helper()
	var all []string
	for protocol := 2; protocol <= 3; protocol++ {
		c := s.dial(t)
		c.send([]string{"HELLO", strconv.Itoa(protocol)})
		c.read(1)
		c.send([]string{"SENTINEL", "PENDING-SCRIPTS"})
		list := c.read(1)[0]
		for _, script := range list.list {
			if len(script.list) == 10 {
				all = append(all, "attempts "+script.list[9].text)
			}
		}
		all = append(all, s.anonymous.Replace(list.shape().String()))
		_ = c.conn.Close() // it was only read from
	}
	return strings.Join(all, "\n")
}
