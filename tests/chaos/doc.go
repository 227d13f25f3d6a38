// Package chaos runs real nodes, with raft or with ZooKeeper, and a real Redis group, in
// network namespaces of their own, breaks them at random for as long as one
// likes, and then judges what they did.
//
// A run has four parts:
//
//   - A seed makes a plan of faults (plan.go): partitions, cuts in one direction,
//     delays, losses, frozen and killed processes, several at the same time. Some
//     kill the master and then the node that fails over. ZooKeeper's servers are
//     hit as well.
//   - While the plan is carried out, clients change the configuration at all
//     nodes and look things up, and write down when they asked, when they were
//     answered, and what (history.go). Others subscribe to all events.
//   - All is healed. The nodes must agree on everything, and the replicas must
//     follow the master; again after all nodes were killed and started at once,
//     and after one more failover.
//   - The checks (check_*.go) read the history, the events that were heard, and
//     the nodes' logs.
//
// What is checked:
//
//   - The changes, and the look-ups that pass through a majority, are
//     linearizable. So nothing acknowledged is lost, and nothing refused happens.
//   - Other look-ups may be old, but a node never answers with something older
//     than it has answered before.
//   - Each event number belongs to one event, and each node publishes in the
//     order of the numbers, without gaps.
//   - Epochs never go back on any node, and no epoch has two promotions.
//
// The seed is the plan, not the story: real processes on a real machine do not
// repeat themselves to the microsecond. A seed that failed is still the best
// place to begin looking.
//
//	CHAOS_SEED=7 CHAOS_FAULTS=2000 go test ./tests/chaos -run TestChaos -v
package chaos
