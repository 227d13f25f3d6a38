// Package sim runs whole clusters of redis-failover in virtual time, breaks them
// in every way that a seed can think of, and checks after every step that what
// may never happen has not happened.
//
// What is real: [state.Apply], [failover.Step] and [failover.Peers], which decide
// everything. What is a model: the clock, the network, the ordered log with its
// leaders, late and lost proposals and snapshots, the loop and the links of a
// node and the questions between nodes (after the code in monitor), and the
// Redis servers, with their replication histories, partial and full syncs, restarts
// with and without data, and so on. Everything runs on one goroutine and draws
// from one source of randomness, so a seed is the whole story: the same seed
// gives the same events in the same order, on every machine.
//
// A schedule has three parts. In the first the nodes get to know their servers.
// In the second everything goes wrong: servers and nodes are killed, frozen and
// restarted, cables are cut in one direction or both, clocks jump, proposals
// get lost and turn up later, people fail over by hand and change settings; a
// part of this is aimed at the very moment at which a failover takes its next
// step. In the third part all is healed, perhaps a last master is killed, and
// the cluster has to come to rest: one master on which all nodes agree, all
// replicas behind it, nothing under way.
//
// The checks (check_*.go) judge by the truth of the models, not by what the
// nodes believe. They know nothing of how the core decides.
//
// When a schedule fails, the test prints its seed and the command that replays
// it with the story in words:
//
//	go test ./tests/sim -run TestSchedules -sim.seed=N -v
package sim
