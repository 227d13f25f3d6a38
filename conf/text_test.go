package conf

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestUsageNamesEverything(t *testing.T) {
	var b bytes.Buffer
	if err := Usage(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  -addr HOST:PORT\n", "(default :26379)\n",
		"        REDIS_FAILOVER_DATA_DIR, key raft.data_dir, also -raft_data_dir\n", "REDIS_FAILOVER_ZK_PATH, key zk.path, key zk.base_dir\n",
		"  -check\n        validate", "(default 1000)", "(default 3)", "also -h\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the help text lacks %q", want)
		}
	}
	for _, s := range settings() {
		if !strings.Contains(b.String(), "  -"+s.name) || !strings.Contains(b.String(), s.help) {
			t.Errorf("the help text lacks -%s", s.name)
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 120 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the pipe is closed") }

func TestUsageReportsWriteErrors(t *testing.T) {
	if Usage(brokenWriter{}) == nil {
		t.Error("a failed write was not reported")
	}
}

func TestSummary(t *testing.T) {
	path := file(t, "s.conf", `port 7000
requirepass hunter2
sentinel sentinel-pass hunter3
sentinel announce-ip 10.0.0.1
sentinel monitor m 127.0.0.1 6379 2
sentinel auth-user m bob
sentinel auth-pass m hunter4
sentinel known-replica m 127.0.0.1 6380
daemonize yes
`)
	got := mustLoad(t, []string{path, "-masters", "127.0.0.1:6390", "-http_addr", "off", "-raft_addr", "a:1"}).Summary()
	for _, want := range []string{
		"listen         :7000 (with a password)\n",
		"announce       10.0.0.1\n",
		"broker         raft, data in ./var, a:1 among this node alone (existing)\n",
		"probes         every 1s, INFO every 10s\n",
		"log            notice as text to standard output\n",
		"saved masters  kept\n",
		"master         127.0.0.1:6390 127.0.0.1:6390, quorum majority, down after 3s, failover timeout 3m0s, parallel syncs 1\n",
		"master         m 127.0.0.1:6379, quorum 2, down after 30s, failover timeout 3m0s, parallel syncs 1, replicas 127.0.0.1:6380, as user bob with a password\n",
		":9: daemonize has no effect here: the process stays in the foreground; a service manager puts it into the background.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the summary lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter") {
		t.Errorf("the summary shows a password:\n%s", got)
	}
	zk := mustLoad(t, strings.Fields("-broker zk -zk_addr a:1 -http_addr :80")).Summary()
	if !strings.Contains(zk, "zk, data in ./var, a:1 at /zk/redis/failover, without credentials") || !strings.Contains(zk, "on :80\n") {
		t.Errorf("summary of zk:\n%s", zk)
	}
}

// TestUnreachableQuorum: most files written for several Sentinels have such a
// quorum, and the night is too late to learn of it.
func TestUnreachableQuorum(t *testing.T) {
	path := file(t, "s.conf", "sentinel monitor m 127.0.0.1 6379 2\nsentinel monitor n 127.0.0.1 6380 1\n")
	notices := mustLoad(t, []string{path}).Notices
	if len(notices) != 1 || !notices[0].Serious || notices[0].At.Line != 1 || !strings.Contains(notices[0].Text, `The quorum 2 of master "m" cannot be reached`) {
		t.Errorf("notices %v", notices)
	}
	if notices := mustLoad(t, []string{path, "-raft_addr", "a:1"}).Notices; len(notices) != 0 {
		t.Errorf("with members to come: %v", notices)
	}
}

// What show gives, set takes back: flags, files and the summary agree.
func TestShownValuesCanBeSet(t *testing.T) {
	c := mustLoad(t, strings.Fields("-broker zk -zk_addr a:1,b:2 -masters m=a:1,b:2 -check_interval 250 -max_down_time 0.2 -log_level error -announce_addr a:1"))
	for _, s := range settings() {
		again := Default()
		if err := s.set(&again, s.show(c)); err != nil || s.show(&again) != s.show(c) {
			t.Errorf("-%s: %q became %q (%v)", s.name, s.show(c), s.show(&again), err)
		}
	}
}

func TestLevels(t *testing.T) {
	for name, want := range map[string]string{
		"debug": "debug", "verbose": "verbose", "notice": "notice", "warning": "warning", "nothing": "nothing",
		"INFO": "notice", "warn": "warning", "error": "error",
	} {
		level, err := ParseLevel(name)
		if err != nil || LevelName(level) != want {
			t.Errorf("%s became %s (%v), want %s", name, LevelName(level), err, want)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("a level that is none was read")
	}
	if got := LevelName(slog.LevelDebug + 1); got != "debug+1" {
		t.Errorf("a level between the names is %s", got)
	}
}
