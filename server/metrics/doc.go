// Package metrics tells Prometheus how a node and what it watches are.
//
// There are two kinds of numbers. What can be asked at any time (the document, the
// observations, the clients) is read when somebody scrapes: see collector.go. What
// happens (failovers, changes of the document, probes) is counted as it happens. All
// names are in one place, docs/METRICS.md explains them, and a test compares the two.
//
// Numbers about the document are those of this node's copy, and the same on every
// node that is up to date; so add up what differs (clients, probes) over the nodes,
// and take the highest of what is agreed (masters, failovers).
package metrics
