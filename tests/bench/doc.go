// Package bench measures redis-failover beside stock redis-sentinels, in turns,
// on the same machine and with the same settings.
//
//	make bench ROUNDS=30 BENCH=ClusterFailover
//
// prints how long after the SIGKILL of a master clients hear of the new one; the
// other benchmarks are about what a node bears. The time that says something
// about the program is the one above down-after-milliseconds: until then all
// must wait. On a busy machine trust the ratios: the rounds take turns, so load
// strikes both.
package bench
