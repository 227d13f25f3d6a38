package compat

// The real one here is 7.0, which takes one name or one pair at a time, knows no
// loglevel and has one text for whatever else is wrong. 7.2, which we follow, takes
// several.
const configUsage = "-ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> [<param> <value> ...] are supported."

var configCalls = []conversation{
	{name: "config get", calls: []call{
		{line: "SENTINEL CONFIG GET resolve-hostnames"}, {line: "SENTINEL CONFIG GET announce-hostnames"}, {line: "SENTINEL config get ANNOUNCE-IP"},
		{line: "SENTINEL CONFIG GET announce-port"}, {line: "SENTINEL CONFIG GET sentinel-user"}, {line: "SENTINEL CONFIG GET sentinel-pass"},
		{line: "SENTINEL CONFIG GET *-hostnames", how: sorted}, {line: "SENTINEL CONFIG GET Announce-*", how: sorted}, {line: "SENTINEL CONFIG GET sentinel-*"},
		{line: "SENTINEL CONFIG GET announce-[ip]p"}, {line: "SENTINEL CONFIG GET announce-?p"}, {line: "SENTINEL CONFIG GET foo"}, {line: `SENTINEL CONFIG GET ""`},
		{line: "SENTINEL CONFIG"},
	}},
	{name: "config get, of 7.2", calls: []call{
		{line: "SENTINEL CONFIG GET", differs: since72, ours: "-ERR wrong number of arguments for 'sentinel|config' command"},
		{line: "SENTINEL CONFIG GET *", differs: since72,
			ours:  `*["resolve-hostnames" "no" "announce-hostnames" "no" "announce-ip" "" "announce-port" "0" "sentinel-user" "" "sentinel-pass" "" "loglevel" "notice"]`,
			ours3: `%["resolve-hostnames" "no" "announce-hostnames" "no" "announce-ip" "" "announce-port" "0" "sentinel-user" "" "sentinel-pass" "" "loglevel" "notice"]`},
		{line: "SENTINEL CONFIG GET loglevel", differs: since72, ours: `*["loglevel" "notice"]`, ours3: `%["loglevel" "notice"]`},
		{line: "SENTINEL CONFIG GET sentinel-pass announce-port *-user sentinel-*", differs: since72,
			ours:  `*["sentinel-pass" "" "announce-port" "0" "sentinel-user" ""]`,
			ours3: `%["sentinel-pass" "" "announce-port" "0" "sentinel-user" ""]`},
		{line: "SENTINEL CONFIG FOO bar", differs: since72, ours: configUsage},
	}},
	{name: "config set", calls: []call{
		{line: "SENTINEL CONFIG SET resolve-hostnames yes"}, {line: "SENTINEL CONFIG GET resolve-hostnames"}, {line: "SENTINEL CONFIG SET resolve-hostnames NO"},
		{line: "SENTINEL CONFIG SET Announce-Hostnames yes"}, {line: "SENTINEL CONFIG SET announce-hostnames no"},
		{line: "SENTINEL CONFIG SET announce-port 65535"}, {line: "SENTINEL CONFIG GET announce-port"}, {line: "SENTINEL CONFIG SET announce-port 0"},
		{line: "SENTINEL CONFIG SET announce-ip 127.0.0.2"}, {line: "SENTINEL CONFIG GET announce-ip"}, {line: `SENTINEL CONFIG SET announce-ip ""`}, {line: "SENTINEL CONFIG GET announce-ip"},
		{line: "SENTINEL CONFIG SET sentinel-user me"}, {line: `SENTINEL CONFIG SET sentinel-pass "p w"`}, {line: "SENTINEL CONFIG GET sentinel-*"},
		{line: `SENTINEL CONFIG SET sentinel-user ""`}, {line: `SENTINEL CONFIG SET sentinel-pass ""`}, {line: "SENTINEL CONFIG GET sentinel-*"},
		{line: "SENTINEL CONFIG SET resolve-hostnames maybe"}, {line: "SENTINEL CONFIG SET Announce-hostnames 1"}, {line: "SENTINEL CONFIG SET announce-port 65536"},
		{line: "SENTINEL CONFIG SET announce-port -1"}, {line: "SENTINEL CONFIG SET announce-port x"}, {line: `SENTINEL CONFIG SET announce-port ""`},
		{line: "SENTINEL CONFIG SET announce-port 1.5"}, {line: `SENTINEL CONFIG SET announce-port " 1"`},
		{line: "SENTINEL CONFIG SET foo bar"}, {line: "SENTINEL CONFIG SET Quorum 1"},
		{line: "SENTINEL CONFIG GET resolve-hostnames"}, {line: "SENTINEL CONFIG GET announce-port"},
	}},
	{name: "config set, of 7.2", calls: []call{
		{line: "SENTINEL CONFIG SET", differs: since72, ours: "-ERR wrong number of arguments for 'sentinel|config' command"},
		{line: "SENTINEL CONFIG SET loglevel debug", differs: since72, ours: "+OK"}, {line: "SENTINEL CONFIG SET loglevel NOTICE", differs: since72, ours: "+OK"},
		{line: "SENTINEL CONFIG SET loglevel loud", differs: since72, ours: "-ERR Invalid value 'loud' to SENTINEL CONFIG SET 'loglevel'"},
		{line: "SENTINEL CONFIG SET announce-port", differs: since72, ours: configUsage},
		{line: "SENTINEL CONFIG SET announce-port 7 announce-ip", differs: since72, ours: "-ERR Missing argument 'announce-ip' value"},
		{line: "SENTINEL CONFIG SET announce-port 7 foo", differs: since72, ours: "-ERR Invalid argument 'foo' to SENTINEL CONFIG SET"},
		{line: "SENTINEL CONFIG SET announce-port 7 foo bar", differs: since72, ours: "-ERR Invalid argument 'foo' to SENTINEL CONFIG SET"},
		{line: "SENTINEL CONFIG SET announce-port 7 Announce-Port 8", differs: since72, ours: "-ERR Duplicate argument 'Announce-Port' to SENTINEL CONFIG SET"},
		{line: "SENTINEL CONFIG SET announce-port 7 resolve-hostnames x", differs: since72, ours: "-ERR Invalid value 'x' to SENTINEL CONFIG SET 'resolve-hostnames'"},
		{line: "SENTINEL CONFIG GET announce-port"},
		{line: "SENTINEL CONFIG SET announce-hostnames no resolve-hostnames no", differs: since72, ours: "+OK"},
	}},
	{name: "config set, more severe", calls: []call{
		{line: `SENTINEL CONFIG SET sentinel-user "a\nb"`, differs: severe, ours: "-ERR Invalid argument at index 4 for SENTINEL CONFIG: control characters are not allowed"},
		{line: `SENTINEL CONFIG SET sentinel-user ""`},
		{line: `SENTINEL CONFIG SET announce-ip "a b"`, differs: severe, ours: "-ERR Invalid value 'a b' to SENTINEL CONFIG SET 'announce-ip'"},
		{line: `SENTINEL CONFIG SET announce-ip ""`},
	}},
	{name: "monitor by name", calls: []call{
		{line: "SENTINEL CONFIG SET resolve-hostnames yes"}, {line: "SENTINEL MONITOR byname localhost {port} 1"}, {line: "SENTINEL MONITOR byname localhost {port} 2"},
		{line: "SENTINEL MONITOR a no-such-host.invalid 1 1"}, {line: "SENTINEL MONITOR a localhost 65536 1"},
		{line: "SENTINEL GET-MASTER-ADDR-BY-NAME byname"}, {line: "SENTINEL CONFIG SET announce-hostnames yes"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME byname"},
		{line: "SENTINEL MASTER byname", values: []string{"ip", "port"}}, {line: "SENTINEL CONFIG SET announce-hostnames no"},
		{line: "SENTINEL MASTER byname", values: []string{"ip", "port"}}, {line: "SENTINEL IS-MASTER-DOWN-BY-ADDR localhost 1 0 *"},
		{line: "SENTINEL REMOVE byname"}, {line: "SENTINEL CONFIG SET resolve-hostnames no"}, {line: "SENTINEL MONITOR byname localhost {port} 1"},
	}},
}
