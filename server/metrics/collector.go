package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// collector tells what can be asked at any time.
type collector struct{ options Options }

// metric is one number to tell: its name without the namespace, and what it means.
// Names that end in _total are counters.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(namespace+"_"+name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(namespace+"_"+name, help, labels, nil), prometheus.CounterValue}
}

// The numbers of each master, with the label master.
var (
	masterInfo        = gauge("master_info", "1; the label address is what clients are told.", "master", "address")
	masterSDown       = gauge("master_sdown", "1 if this node holds the master for down.", "master")
	masterODown       = gauge("master_odown", "1 if the members agree that the master is down.", "master")
	masterLinked      = gauge("master_link_up", "1 if this node is connected to the master.", "master")
	masterAnswered    = gauge("master_last_ok_ping_seconds", "Seconds since the master last answered this node's PING well.", "master")
	masterEpoch       = gauge("master_config_epoch", "The epoch of the failover that made this address the master's.", "master")
	masterQuorum      = gauge("master_quorum", "How many members must hold the master for down.", "master")
	masterVotes       = gauge("master_votes", "How many members hold the master for down.", "master")
	masterReplicas    = gauge("master_replicas", "Replicas of the master that are known.", "master")
	masterReplicasUp  = gauge("master_replicas_usable", "Replicas that answer this node and whose replication runs.", "master")
	masterFailover    = gauge("master_failover_in_progress", "1 while a failover of the master runs.", "master")
	masterPaused      = gauge("master_paused", "1 while nothing is done about the master by itself (SENTINEL PAUSE).", "master")
	masterForeign     = gauge("master_foreign_sentinels", "Sentinels, none of this cluster, that were heard at the master of late; 0 in good order.", "master")
	masterHistoryLast = gauge("master_last_failover_timestamp_seconds", "When the last failover of the master ended, in Unix time; missing if there was none.", "master")
)

// The numbers of the document and of the node.
var (
	masters       = gauge("masters", "Masters that are watched.")
	members       = gauge("members", "Nodes of the group, this one included.")
	membersAlive  = gauge("members_alive", "Nodes whose votes count.")
	leader        = gauge("engine_leader", "1 if this node leads the group of the engine; leading has no part in decisions.")
	epoch         = gauge("current_epoch", "The highest epoch that was given out.")
	index         = gauge("document_index", "The position of the last entry of the log that was applied here.")
	schema        = gauge("document_schema", "The schema of the document that is in force.")
	condition     = gauge("document_condition", "1 for the broker's present condition, 0 for the others.", "condition")
	isolated      = gauge("isolated_seconds", "For how long this node has had no majority; 0 while it has.")
	tilt          = gauge("tilt", "1 while this node gets over a pause of its own process.")
	lookUps       = counter("lookups_total", "Commands by which clients look for a master, by whether they were answered.", "result")
	clients       = gauge("clients", "Clients that are connected.")
	clientsMax    = gauge("clients_max", "How many clients may be connected.")
	subscribers   = gauge("subscribers", "Clients with subscriptions.")
	connections   = counter("connections_total", "Clients that have connected.")
	rejected      = counter("connections_rejected_total", "Clients that were turned away because too many were connected.")
	commandsDone  = counter("commands_total", "Commands of clients.")
	commandsWrong = counter("command_errors_total", "Commands that were answered with an error.")
	dropped       = counter("subscribers_dropped_total", "Subscribers that were cut because they did not read.")
	malformed     = counter("protocol_errors_total", "Clients that were cut because of what they sent.")
	bytesIn       = counter("received_bytes_total", "Bytes that clients have sent.")
	bytesOut      = counter("sent_bytes_total", "Bytes that clients were sent.")
	build         = gauge("build_info", "1; the labels say what runs.", "version", "goversion")
)

// described are all of them.
var described = []metric{
	masterInfo, masterSDown, masterODown, masterLinked, masterAnswered, masterEpoch, masterQuorum, masterVotes, masterReplicas,
	masterReplicasUp, masterFailover, masterPaused, masterForeign, masterHistoryLast,
	masters, members, membersAlive, leader, epoch, index, schema, condition, isolated, tilt, lookUps, clients, clientsMax, subscribers,
	connections, rejected, commandsDone, commandsWrong, dropped, malformed, bytesIn, bytesOut, build,
}

// Describe is part of prometheus.Collector.
func (*collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range described {
		to <- m.desc
	}
}

// Collect is part of prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	tell := func(m metric, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
	}
	doc := c.options.Document.State()
	for m := range doc.Masters() {
		c.master(tell, doc, m)
	}
	c.document(tell, doc)
	c.server(tell)
}

type teller func(m metric, value float64, labels ...string)

// master tells of one master. Names in the document are valid UTF-8, as labels must be.
func (c *collector) master(tell teller, doc *state.State, m *state.Master) {
	name := m.Name
	view, watched := c.options.Watcher().View(m.Name)
	current := watched && view.Generation == m.Generation
	tell(masterInfo, 1, name, doc.Shown(m, m.Addr).String())
	tell(masterSDown, truth(current && view.Master.SDown), name)
	tell(masterODown, truth(m.ODown), name)
	tell(masterLinked, truth(watched && view.Master.Linked), name)
	if watched {
		tell(masterAnswered, view.Master.LastOKPing.Seconds(), name)
	}
	tell(masterEpoch, float64(m.ConfigEpoch), name)
	tell(masterQuorum, float64(m.Quorum), name)
	tell(masterVotes, float64(len(m.Votes)), name)
	tell(masterReplicas, float64(len(m.Replicas)), name)
	tell(masterReplicasUp, float64(usable(view)), name)
	tell(masterFailover, truth(m.Failover != nil), name)
	tell(masterPaused, truth(m.Pause != nil), name)
	tell(masterForeign, float64(len(view.Foreign)), name)
	if n := len(m.History); n > 0 {
		tell(masterHistoryLast, float64(m.History[n-1].Ended)/1000, name)
	}
}

func usable(view failover.View) int {
	n := 0
	for _, r := range view.Replicas {
		if r.Linked && !r.SDown && r.MasterLinkUp {
			n++
		}
	}
	return n
}

func (c *collector) document(tell teller, doc *state.State) {
	alive := 0
	for m := range doc.Members() {
		if m.Alive {
			alive++
		}
	}
	tell(masters, float64(doc.Len()))
	tell(members, float64(max(1, doc.MemberCount())))
	tell(membersAlive, float64(alive))
	tell(leader, truth(c.leads()))
	tell(epoch, float64(doc.Epoch))
	tell(index, float64(doc.Index))
	tell(schema, float64(doc.Schema))
	health := c.options.Document.Health()
	for _, one := range []cluster.Condition{cluster.Ready, cluster.Suspended, cluster.Lost} {
		tell(condition, truth(one == health.Condition), one.String())
	}
	tell(isolated, max(0, c.options.LookUps.IsolatedFor().Seconds()))
	answered, refused := c.options.LookUps.Counts()
	tell(lookUps, float64(answered), "answered")
	tell(lookUps, float64(refused), "refused")
}

// leads reports whether this node leads the engine's group. One that works alone
// leads itself.
func (c *collector) leads() bool {
	if c.options.Members == nil {
		return true
	}
	for _, p := range c.options.Members.Peers() {
		if p.Self {
			return p.Leader
		}
	}
	return false
}

func (c *collector) server(tell teller) {
	tell(tilt, truth(c.options.Watcher().TiltSeconds() >= 0))
	stats := c.options.Stats()
	tell(clients, float64(stats.Clients))
	tell(clientsMax, float64(stats.MaxClients))
	tell(subscribers, float64(stats.Subscribers))
	tell(connections, float64(stats.Connections))
	tell(rejected, float64(stats.Rejected))
	tell(commandsDone, float64(stats.Commands))
	tell(commandsWrong, float64(stats.ErrorReplies))
	tell(dropped, float64(stats.SlowClients))
	tell(malformed, float64(stats.BadQueries))
	tell(bytesIn, float64(stats.BytesIn))
	tell(bytesOut, float64(stats.BytesOut))
	tell(build, 1, c.options.Version, runtime.Version())
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
