package web

import (
	"fmt"
	"net"
	"net/http"
	"slices"

	"redis-failover/commands"
)

// primary says whether an address is that of the master, 200 or 503: load balancers
// ask it for each server that they know.
func (e *exchange) primary() {
	reply := e.do("SENTINEL", "MASTER", e.r.PathValue("master"))
	master, is := reply.(commands.Map)
	if !is {
		e.unfit(reply)
		return
	}
	present, asked := addressOf(master), e.r.PathValue("address")
	if present != asked {
		text(e.w, http.StatusServiceUnavailable, fmt.Sprintf("not the primary, which is %s", present))
		return
	}
	text(e.w, http.StatusOK, "primary")
}

// replica says whether an address is that of a replica of the master that can serve
// reads: it answers, and its replication runs.
func (e *exchange) replica() {
	reply := e.do("SENTINEL", "REPLICAS", e.r.PathValue("master"))
	replicas, is := reply.(commands.Array)
	if !is {
		e.unfit(reply)
		return
	}
	for _, r := range replicas {
		fields, _ := r.(commands.Map)
		if addressOf(fields) != e.r.PathValue("address") {
			continue
		}
		if reason := unusable(plain(fields).(map[string]any)); reason != "" {
			text(e.w, http.StatusServiceUnavailable, "a replica, but "+reason)
			return
		}
		text(e.w, http.StatusOK, "replica")
		return
	}
	text(e.w, http.StatusServiceUnavailable, "not a replica of this master")
}

// unfit answers an error in words; a load balancer needs no more than the status.
func (e *exchange) unfit(reply commands.Reply) {
	fault, is := reply.(commands.Error)
	if !is {
		fault = "ERR the answer is not understood"
	}
	status := statuses[fault.Class()]
	if fault.Class() == commands.NotFound || fault.Class() == commands.Invalid {
		status = http.StatusServiceUnavailable
	}
	text(e.w, status, fault.Text())
}

// addressOf is where a server is, "host:port".
func addressOf(fields commands.Map) string {
	object, _ := plain(fields).(map[string]any)
	return net.JoinHostPort(fmt.Sprint(object["ip"]), fmt.Sprint(object["port"]))
}

// unusable is why reads from a replica would be wrong, "" if they would not.
func unusable(replica map[string]any) string {
	flags, _ := replica["flags"].([]string)
	switch {
	case slices.Contains(flags, "s_down"):
		return "it does not answer"
	case slices.Contains(flags, "disconnected"):
		return "this node has no connection to it"
	case replica["role-reported"] != "slave":
		return fmt.Sprintf("it says that its role is %v", replica["role-reported"])
	case replica["master-link-status"] != "ok":
		return "its replication does not run"
	}
	return ""
}
