// Package procs starts real processes for tests: redis-server, redis-sentinel
// and redis-failover, alone or as a Cluster, on loopback or in network
// namespaces whose cables can be cut. It is the one home of "start it, wait
// until it answers, break it, clean up" for the tests of the links, of
// compatibility, of the whole system, and for the benchmarks.
//
// What is promised:
//
//   - Nothing outlives the test. Every process, directory and network is
//     removed by t.Cleanup; when the test binary itself is killed, the kernel
//     kills its children (see package spawn), and the next run removes the
//     networks that were left behind.
//   - No stranger is taken for a server of ours. A server counts as started when
//     it answers with the process id of the child that was started, and only
//     children are ever signalled.
//   - When a test fails, the end of the log of each of its processes is shown.
//   - A missing tool skips the test on a laptop, saying so, and fails it where
//     CI=true.
//
// Methods that take no error result end the test with Fatal when they cannot do
// what they say; call those on the test's own goroutine.
package procs
