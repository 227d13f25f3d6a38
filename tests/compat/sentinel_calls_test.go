package compat

const (
	severe = "names and values that break lines of files and events are refused"
	atomic = "a command with several options changes all or nothing"
	year   = "a period of more than a year is a mistake"
	again  = "MONITOR of what is monitored already is OK, so that scripts may tell every node"
)

var sentinelCalls = []conversation{
	{name: "masters", calls: []call{
		{line: "SENTINEL"}, {line: "SENTINEL foo"}, {line: `SENTINEL "%s%n"`}, {line: `SENTINEL "a\nb"`}, {line: "SENTINEL HELP x"},
		{line: "SENTINEL MASTERS", how: shape}, {line: "SENTINEL MASTERS x"}, {line: "sentinel master mymaster", how: shape},
		{line: "SENTINEL MASTER"}, {line: "SENTINEL MASTER nope"}, {line: "SENTINEL MASTER MyMaster"}, {line: "SENTINEL MASTER a b"},
		{line: "SENTINEL REPLICAS mymaster", how: shape}, {line: "SENTINEL SLAVES mymaster", how: shape}, {line: "SENTINEL REPLICAS nope"},
		{line: "SENTINEL SLAVES nope"}, {line: "SENTINEL SLAVES"}, {line: "SENTINEL SENTINELS mymaster"}, {line: "SENTINEL SENTINELS nope"},
		{line: "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"}, {line: "SENTINEL get-master-addr-by-name nope"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME"},
		{line: "SENTINEL GET-MASTER-ADDR-BY-NAME a b"}, {line: `SENTINEL GET-MASTER-ADDR-BY-NAME "my\x00master"`},
		{line: "SENTINEL MYID", how: shape}, {line: "SENTINEL MYID x"}, {line: "ROLE"}, {line: "ROLE x"},
		{line: "SENTINEL HELP", how: kind},
	}},
	{name: "Valkey's names", calls: []call{
		{line: "SENTINEL MEMBERS x", differs: ownMembers, ours: "-ERR wrong number of arguments for 'sentinel|members' command"},
		{line: "SENTINEL MEMBER ADD", differs: ownMembers, ours: "-ERR wrong number of arguments for 'sentinel|member' command"},
		{line: "SENTINEL MEMBER LIST x", differs: ownMembers, ours: "-ERR Only SENTINEL MEMBER ADD <host:port> / REMOVE <id|host:port> are supported."},
		{line: "SENTINEL GET-PRIMARY-ADDR-BY-NAME mymaster", differs: valkey, ours: `*["{host}" "{port}"]`},
		{line: "SENTINEL GET-PRIMARY-ADDR-BY-NAME nope", differs: valkey, ours: "*(null)", ours3: "_"},
		{line: "SENTINEL PRIMARY nope", differs: valkey, ours: "-ERR No such master with that name"},
		{line: "SENTINEL PRIMARY", differs: valkey, ours: "-ERR wrong number of arguments for 'sentinel|primary' command"},
		{line: "SENTINEL PRIMARIES x", differs: valkey, ours: "-ERR wrong number of arguments for 'sentinel|primaries' command"},
		{line: "SENTINEL IS-PRIMARY-DOWN-BY-ADDR {host} {port} 0 *", differs: valkey, ours: `*[:0 "*" :0]`},
	}},
	{name: "is-master-down", calls: []call{
		{line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} {port} 0 *"}, {line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} 1 0 *"},
		{line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} x 0 *"}, {line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} {port} x *"},
		{line: "SENTINEL IS-MASTER-DOWN-BY-ADDR nowhere.invalid {port} 0 *"}, {line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} 99999999 0 *"},
		{line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} {port} -1 *"}, {line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} {port} 0 abc"},
		{line: "SENTINEL IS-MASTER-DOWN-BY-ADDR {host} {port} 0"},
	}},
	{name: "ckquorum", calls: []call{
		{line: "SENTINEL CKQUORUM mymaster"}, {line: "SENTINEL CKQUORUM nope"}, {line: "SENTINEL CKQUORUM"}, {line: "SENTINEL SET mymaster quorum 2"},
		{line: "SENTINEL CKQUORUM mymaster"}, {line: "SENTINEL SET mymaster quorum 1"},
	}},
	{name: "failover", calls: []call{
		{line: "SENTINEL FAILOVER"}, {line: "SENTINEL FAILOVER nope"}, {line: "SENTINEL FAILOVER mymaster"},
		{line: "SENTINEL FAILOVER mymaster x", differs: valkey9, ours: "-ERR Unknown failover option specified"},
		{line: "SENTINEL FAILOVER mymaster COORDINATED", differs: valkey9,
			ours: "-ERR COORDINATED is not supported, nothing was begun: SENTINEL FAILOVER <master-name> begins a failover that does not wait for the master"},
		{line: "SENTINEL FAILOVER mymaster a b"}, {line: "SENTINEL FAILOVER nope x", differs: valkey9, ours: "-ERR No such master with that name"},
	}},
	{name: "info-cache", calls: []call{
		{line: "SENTINEL INFO-CACHE"}, {line: "SENTINEL INFO-CACHE nope"}, {line: "SENTINEL INFO-CACHE nope nada"}, {line: "SENTINEL INFO-CACHE mymaster", how: kind},
	}},
	{name: "small ones", calls: []call{
		{line: "SENTINEL FLUSHCONFIG"}, {line: "SENTINEL FLUSHCONFIG x"}, {line: "SENTINEL PENDING-SCRIPTS"}, {line: "SENTINEL PENDING-SCRIPTS x"},
		{line: "SENTINEL RESET nope*"}, {line: "SENTINEL RESET [x-z]*"}, {line: "SENTINEL RESET"}, {line: "SENTINEL RESET a b"}, {line: `SENTINEL RESET ""`},
	}},
	{name: "monitor", calls: []call{
		{line: "SENTINEL MONITOR"}, {line: "SENTINEL MONITOR a 127.0.0.1 x 1"}, {line: "SENTINEL MONITOR a 127.0.0.1 1 x"}, {line: "SENTINEL MONITOR a 127.0.0.1 x x"},
		{line: "SENTINEL MONITOR a 127.0.0.1 1 0"}, {line: "SENTINEL MONITOR a 127.0.0.1 1 -1"}, {line: "SENTINEL MONITOR a 127.0.0.1 99999 0"},
		{line: "SENTINEL MONITOR a nowhere.invalid 1 1"}, {line: "SENTINEL MONITOR a localhost 1 1"}, {line: "SENTINEL MONITOR a nowhere.invalid 99999 1"},
		{line: `SENTINEL MONITOR a "" 1 1`}, {line: "SENTINEL MONITOR a 1.2.3.4.5 1 1"}, {line: "SENTINEL MONITOR a ::1::1 1 1"},
		{line: "SENTINEL MONITOR a 127.0.0.1 99999 1"}, {line: "SENTINEL MONITOR a 127.0.0.1 -1 1"}, {line: "SENTINEL MONITOR a 127.0.0.1 65536 1"},
		{line: "SENTINEL MONITOR mymaster {host} {port} 1", differs: again, ours: "+OK"},
		{line: "SENTINEL MONITOR mymaster {host} {port} 2"}, {line: "SENTINEL MONITOR mymaster 127.0.0.9 {port} 1"}, {line: "SENTINEL MONITOR mymaster {host} 1 1"},
		{line: "SENTINEL MONITOR other 127.0.0.1 1 7"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME other"}, {line: "ROLE", how: sorted},
		{line: "SENTINEL REPLICAS other"}, {line: "SENTINEL INFO-CACHE other"},
		{line: "SENTINEL MONITOR v6 ::1 1 1"}, {line: "SENTINEL MONITOR long 0:0:0:0:0:0:0:1 2 1"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME v6"},
		{line: "SENTINEL GET-MASTER-ADDR-BY-NAME long"}, {line: `SENTINEL MONITOR "a b,c" 127.0.0.1 3 1`}, {line: `SENTINEL GET-MASTER-ADDR-BY-NAME "a b,c"`},
		{line: `SENTINEL REMOVE "a b,c"`}, {line: "SENTINEL REMOVE other"}, {line: "SENTINEL REMOVE other"}, {line: "SENTINEL REMOVE v6"}, {line: "SENTINEL REMOVE long"},
		{line: "SENTINEL REMOVE"}, {line: "SENTINEL REMOVE a b"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME other"}, {line: "ROLE"},
	}},
	{name: "monitor, more severe", calls: []call{
		{line: "SENTINEL MONITOR a 127.0.0.1 0 1", differs: "no server listens on port 0", ours: "-ERR Invalid port number."},
		{line: "SENTINEL MONITOR b 127.1 1 1", differs: "addresses have four numbers", ours: "-ERR Invalid IP address or hostname specified"},
		{line: "SENTINEL MONITOR c 127.0.0.1 1 99999999999", differs: "more than Sentinel's own integers hold", ours: "-ERR Invalid quorum"},
		{line: `SENTINEL MONITOR "" 127.0.0.1 1 1`, differs: "a name is needed", ours: "-ERR a master needs a name"},
		{line: `SENTINEL MONITOR "d\te" 127.0.0.1 1 1`, differs: severe, ours: "-ERR Invalid argument at index 2 for SENTINEL MONITOR: control characters are not allowed"},
		{line: "SENTINEL REMOVE a", differs: "it was refused above", ours: "-ERR No such master with that name"},
		{line: "SENTINEL REMOVE b", differs: "it was refused above", ours: "-ERR No such master with that name"},
		{line: "SENTINEL REMOVE c", differs: "it was refused above", ours: "-ERR No such master with that name"},
		{line: `SENTINEL REMOVE ""`, differs: "it was refused above", ours: "-ERR No such master with that name"},
		{line: `SENTINEL REMOVE "d\te"`, differs: "it was refused above", ours: "-ERR No such master with that name"},
	}},
	{name: "set", calls: []call{
		{line: "SENTINEL SET"}, {line: "SENTINEL SET mymaster quorum"}, {line: "SENTINEL SET nope quorum 1"}, {line: "SENTINEL SET nope foo bar"}, {line: "SENTINEL SET nope quorum x"},
		{line: "SENTINEL SET mymaster foo bar"}, {line: "SENTINEL SET mymaster Foo bar"}, {line: "SENTINEL SET mymaster quorum 0"}, {line: "SENTINEL SET mymaster quorum abc"},
		{line: "SENTINEL SET mymaster QUOrum -1"}, {line: "SENTINEL SET mymaster quorum 1 down-after-milliseconds"}, {line: "SENTINEL SET mymaster quorum 1 down-after-milliseconds 0"},
		{line: "SENTINEL SET mymaster down-after-milliseconds 99999999999999999999"}, {line: `SENTINEL SET mymaster quorum ""`}, {line: "SENTINEL SET mymaster quorum 1.5"},
		{line: "SENTINEL SET mymaster failover-timeout 0"}, {line: "SENTINEL SET mymaster failover-timeout x"}, {line: "SENTINEL SET mymaster parallel-syncs 0"},
		{line: "SENTINEL SET mymaster master-reboot-down-after-period -1"}, {line: "SENTINEL SET mymaster master-reboot-down-after-period 0"},
		{line: "SENTINEL SET mymaster notification-script /nonexistent"}, {line: "SENTINEL SET mymaster client-reconfig-script /bin/sh"}, {line: `SENTINEL SET mymaster notification-script ""`},
		{line: "SENTINEL SET mymaster rename-command foo"}, {line: `SENTINEL SET mymaster rename-command "" bar`}, {line: `SENTINEL SET mymaster rename-command foo ""`},
		{line: "SENTINEL SET mymaster rename-command foo bar"}, {line: "SENTINEL SET mymaster rename-command FOO foo"},
		{line: "SENTINEL SET mymaster parallel-syncs 3 failover-timeout 60000"}, {line: "SENTINEL MASTER mymaster", how: shape},
		{line: "SENTINEL SET mymaster PARALLEL-SYNCS 1 failover-timeout 180000"},
	}},
	{name: "set, otherwise", calls: []call{
		{line: "SENTINEL SET mymaster primary-reboot-down-after-period 0", differs: valkey, ours: "+OK"},
		{line: "SENTINEL SET mymaster quorum 99999999999", differs: "more than Sentinel's own integers hold", ours: "-ERR Invalid argument '99999999999' for SENTINEL SET 'quorum'"},
		{line: "SENTINEL SET mymaster quorum 1"},
		{line: "SENTINEL SET mymaster quorum 5 foo bar"},
		{line: "SENTINEL CKQUORUM mymaster", differs: atomic, ours: "+OK 1 usable Sentinels. Quorum and failover authorization can be reached"},
		{line: "SENTINEL SET mymaster quorum 1"},
	}},
	{name: "debug", calls: []call{
		{line: "SENTINEL DEBUG"}, {line: "SENTINEL DEBUG foo"}, {line: "SENTINEL DEBUG Foo 1"}, {line: "SENTINEL DEBUG ping-period"}, {line: "SENTINEL DEBUG INFO-period abc"},
		{line: "SENTINEL DEBUG ask-period 0"}, {line: "SENTINEL DEBUG tilt-period -1"}, {line: "SENTINEL DEBUG tilt-period 1.5"}, {line: `SENTINEL DEBUG tilt-period ""`},
		{line: "SENTINEL DEBUG info-period 9000 Ping-Period 900 ASK-PERIOD 800 publish-period 700 default-down-after 600 default-failover-timeout 500 tilt-trigger 400"},
		{line: "SENTINEL DEBUG tilt-period 300 slave-reconf-timeout 200 min-link-reconnect-period 100 election-timeout 90 script-max-runtime 80 script-retry-delay 70"},
		{line: "SENTINEL DEBUG"}, {line: "SENTINEL MONITOR other 127.0.0.1 1 1"}, {line: "SENTINEL MASTER other", values: []string{"down-after-milliseconds", "failover-timeout"}},
		{line: "SENTINEL REMOVE other"},
		{line: "SENTINEL DEBUG info-period 10000 ping-period 1000 ask-period 1000 publish-period 2000 default-down-after 30000 default-failover-timeout 180000 tilt-trigger 2000"},
		{line: "SENTINEL DEBUG tilt-period 30000 slave-reconf-timeout 10000 min-link-reconnect-period 15000 election-timeout 10000 script-max-runtime 60000 script-retry-delay 30000"},
		{line: "SENTINEL DEBUG"},
	}},
	{name: "debug, otherwise", calls: []call{
		{line: "SENTINEL DEBUG ask-period 99999999999", differs: year, ours: "-ERR Invalid argument '99999999999' for SENTINEL DEBUG 'ask-period'"},
		{line: "SENTINEL DEBUG ask-period 1000"}, {line: "SENTINEL DEBUG ask-period 5 foo 5"},
		{line: "SENTINEL DEBUG", values: []string{"ASK-PERIOD"}, differs: atomic, ours: `*["ASK-PERIOD" "1000"]`, ours3: `%["ASK-PERIOD" "1000"]`},
		{line: "SENTINEL DEBUG ask-period 1000"},
	}},
	{name: "simulate-failure", calls: []call{
		{line: "SENTINEL SIMULATE-FAILURE"}, {line: "SENTINEL SIMULATE-FAILURE foo"}, {line: "SENTINEL SIMULATE-FAILURE crash-after-election crash-after-promotion"},
		{line: "INFO sentinel"}, {line: "SENTINEL SIMULATE-FAILURE crash-after-election foo"}, {line: "SENTINEL SIMULATE-FAILURE help", how: kind}, {line: "INFO sentinel"},
	}},
	{name: "info", calls: []call{
		{line: "INFO sentinel"}, {line: "INFO SENTINEL foo"}, {line: "INFO foo"}, {line: "INFO foo bar"}, {line: "INFO", how: names}, {line: "INFO all", how: names},
		{line: "INFO everything", how: names}, {line: "INFO default", how: names}, {line: "INFO cpu server", how: names}, {line: "INFO stats clients", how: names},
	}},
	// Last, because both connect anew to the servers then.
	{name: "set a user", calls: []call{
		{line: `SENTINEL SET mymaster auth-user "a\nb"`, differs: severe, ours: "-ERR Invalid argument at index 4 for SENTINEL SET: control characters are not allowed"},
		{line: `SENTINEL SET mymaster auth-user ""`}, {line: `SENTINEL SET mymaster auth-pass ""`},
	}},
}
