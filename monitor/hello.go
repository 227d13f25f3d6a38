package monitor

import (
	"strconv"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// helloChannel is where Sentinels greet each other, at the servers they watch.
const helloChannel = "__sentinel__:hello"

// helloFields is how many words a greeting has: the Sentinel's ip, port, id and
// epoch, and the name, ip, port and epoch of its master.
const helloFields = 8

// maxName bounds the master's name in a greeting.
const maxName = 256

// ParseHello reads a greeting. It returns false for what no Sentinel sends.
// Anybody who may publish there can make one up, so what it says is shown and
// never believed. The result shares no memory with text.
func ParseHello(text string) (failover.Hello, bool) {
	words := strings.Split(text, ",")
	if len(words) != helloFields || len(words[4]) > maxName {
		return failover.Hello{}, false
	}
	var id state.RunID
	setID(&id, words[2])
	addr, ok := helloAddr(words[0], words[1])
	master, named := helloAddr(words[5], words[6])
	epoch, err := strconv.ParseUint(words[3], 10, 64)
	configEpoch, err2 := strconv.ParseUint(words[7], 10, 64)
	if id == "" || !ok || !named || err != nil || err2 != nil {
		return failover.Hello{}, false
	}
	return failover.Hello{
		Addr: addr, ID: state.MemberID(id), Epoch: state.Epoch(epoch),
		Name: strings.Clone(words[4]), Master: master, ConfigEpoch: state.Epoch(configEpoch),
	}, true
}

func helloAddr(host, port string) (state.Addr, bool) {
	a := state.Addr{Host: strings.Clone(host)}
	setNumber(&a.Port, port, 1, maxPort)
	return a, a.Port != 0 && validHost(host)
}
