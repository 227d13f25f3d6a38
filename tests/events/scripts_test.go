package events

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// warnings are the events of a failover for which notification scripts are run.
var warnings = []string{
	"+sdown", "-sdown", "+odown", "-odown", "+new-epoch", "+try-failover", "+vote-for-leader", "+elected-leader",
	"+failover-state-select-slave", "+selected-slave", "+promoted-slave", "+failover-state-reconf-slaves",
	"+failover-end", "+switch-master", "+set",
}

// Notification scripts are started in the order in which clients hear of the
// events, with the same words.
func TestNotificationOrder(t *testing.T) {
	t.Parallel()
	var both []*side
	for _, name := range []string{"redis-sentinel", "redis-failover"} {
		dir := t.TempDir()
		script := filepath.Join(dir, "notify.sh")
		// They end with the test.
		text := fmt.Sprintf("#!/bin/sh\nwhile [ -d '%s' ]; do sleep 0.5; done\n", dir)
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		both = append(both, &side{
			t: t, name: name, group: procs.Group(t, 2, procs.Opts{}), more: "sentinel notification-script mymaster " + script + "\n",
		})
	}
	begin(both[0], both[1], 2, downAfter)
	for _, s := range both {
		s.group.Master.Kill()
	}
	await(t, both, "+failover-end ")
	await(t, both, "+switch-master ")
	await(t, both, "+sdown slave OLD:")
	for _, s := range both {
		procs.Eventually(t, patience, func() error {
			var heard []string
			for _, m := range s.recorder.Messages() {
				if slices.Contains(warnings, m.Channel) {
					heard = append(heard, m.Channel+" "+m.Payload)
				}
			}
			scripts, err := s.scripts()
			if err == nil && (len(scripts) == 0 || !strings.HasPrefix(scripts[0], "+monitor ") || !slices.Equal(scripts[1:], heard)) {
				err = fmt.Errorf("%s: heard\n%s\nscripts, where +monitor comes first:\n%s", s.name,
					strings.Join(heard, "\n"), strings.Join(scripts, "\n"))
			}
			return err
		})
	}
}

// scripts are the words of the scripts that run or wait, in their order.
func (s *side) scripts() ([]string, error) {
	rows, err := redis.Values(s.server.Do("SENTINEL", "PENDING-SCRIPTS"))
	var all []string
	for _, row := range rows {
		fields, err := redis.Values(row, nil)
		if err != nil {
			return nil, err
		}
		argv, err := redis.Strings(fields[1], nil)
		if err != nil {
			return nil, err
		}
		all = append(all, strings.Join(argv[1:], " "))
	}
	return all, err
}
