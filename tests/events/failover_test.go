package events

import (
	"testing"
	"time"
)

// downAfter is short for the test and long for a server on a busy machine.
const downAfter = 3 * time.Second

// The switch, on both sides.
var switched = []string{
	"+switch-master mymaster OLD NEW",
	"+slave slave OTHER: OTHER @ mymaster MASTER",
	"+slave slave OLD: OLD @ mymaster MASTER",
}

var switchedEarly = difference{
	lines: switched,
	stock: "+failover-end master mymaster MASTER",
	ours:  "+failover-state-reconf-slaves master mymaster MASTER",
	why: "clients are told of the new master as soon as it is one, and not when all the others follow it; " +
		"what comes afterwards names the new master",
}

// The master is killed, and comes back later.
func TestMasterKilled(t *testing.T) {
	t.Parallel()
	stock, ours := newSides(t, 2, downAfter)
	both := []*side{stock, ours}
	for _, s := range both {
		s.group.Master.Kill()
	}
	await(t, both, "+failover-end ")
	await(t, both, "+sdown slave OLD:")
	for _, s := range both {
		s.group.Master.Start()
	}
	await(t, both, "+role-change slave OLD: OLD @ mymaster MASTER new reported role is slave")
	settled(t, both)
	compare(t, stock, ours, []difference{
		switchedEarly,
		{
			lines: []string{"+reboot slave OLD: OLD @ mymaster MASTER"}, stock: never, ours: "",
			why: "stock forgets at a switch which process it knew, so it cannot tell that the old master is another one",
		},
	})
	inOrder(t, both, "+sdown master", "+odown", "-role-change slave NEW", "+promoted-slave", "+slave slave OLD", "+sdown slave OLD",
		"-sdown slave OLD", "+convert-to-slave slave OLD", "+role-change slave OLD")
	inOrder(t, both, "+slave slave OLD", "-role-change slave OLD", "+convert-to-slave slave OLD")
}

// A person moves the master.
func TestManual(t *testing.T) {
	t.Parallel()
	stock, ours := newSides(t, 2, 20*time.Second)
	both := []*side{stock, ours}
	for _, s := range both {
		s.failOver()
	}
	await(t, both, "+failover-end ")
	await(t, both, "+role-change slave OLD: OLD @ mymaster MASTER new reported role is slave")
	settled(t, both)
	const why = "stock leaves the old master writable until it has called itself a master for a while; " +
		"ours demotes it in the failover, as the first of the replicas"
	compare(t, stock, ours, []difference{
		switchedEarly,
		{lines: []string{"+convert-to-slave slave OLD: OLD @ mymaster MASTER"}, stock: "", ours: never, why: why},
		{lines: []string{
			"+slave-reconf-sent slave OLD: OLD @ mymaster MASTER", "+slave-reconf-inprog slave OLD: OLD @ mymaster MASTER",
			"+slave-reconf-done slave OLD: OLD @ mymaster MASTER",
		}, stock: never, ours: "", why: why},
	})
	inOrder(t, both, "-role-change slave NEW", "+promoted-slave", "+slave slave OLD", "-role-change slave OLD", "+role-change slave OLD")
	inOrder(t, []*side{ours}, "-role-change slave OLD", "+slave-reconf-sent slave OLD", "+role-change slave OLD", "+failover-end")
}

// There is nobody to promote, and the master comes back.
func TestAborted(t *testing.T) {
	t.Parallel()
	stock, ours := newSides(t, 1, downAfter, "replica-priority 0")
	both := []*side{stock, ours}
	for _, s := range both {
		s.group.Master.Kill()
	}
	await(t, both, "-failover-abort-no-good-slave ")
	for _, s := range both {
		s.group.Master.Start()
	}
	await(t, both, "-odown ")
	await(t, both, "+reboot ")
	compare(t, stock, ours, nil)
}
