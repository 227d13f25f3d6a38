// Package bench measures redis-failover beside a stock redis-sentinel, in turns,
// on the same machine and with the same settings.
//
//	go test ./tests/bench -run xxx -bench Failover -benchtime 1x
//
// prints how long after the SIGKILL of a master clients hear of the new one.
// The time that says something about the program is the one above
// down-after-milliseconds: until then both must wait. ROUNDS=n sets how many
// rounds each of both gets.
package bench
