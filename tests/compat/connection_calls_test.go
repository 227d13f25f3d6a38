package compat

// x128 is as much of a word as an error repeats.
const x128 = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

var connectionCalls = []conversation{
	{name: "ping", calls: []call{
		{line: "PING"}, {line: "ping hello"}, {line: `PiNg "a b\r\n"`}, {line: `ping ""`}, {line: "PING a b"},
	}},
	{name: "unknown", calls: []call{
		{line: "FOO"}, {line: "FOO a b"}, {line: `FOO a "b\x00c" d`}, {line: `"FOO\x00x" a`}, {line: `"a\r\nb" "c\nd"`},
		{line: x128 + "x"}, {line: "FOO " + x128 + "x b"}, {line: "FOO a " + x128 + " b"}, {line: `""`}, {line: `"\xff\xfe"`}, {line: `"'"`},
		{line: "SELECT 0"}, {line: "ECHO x"}, {line: "MULTI"}, {line: "GET x"}, {line: "TIME"}, {line: "PUBSUB CHANNELS"},
		{line: "SSUBSCRIBE x"}, {line: "CONFIG GET *"}, {line: "DEBUG SLEEP 0"}, {line: "SLOWLOG GET"}, {line: "LATENCY LATEST"},
	}},
	{name: "quit", calls: []call{
		{line: "QUIT", differs: quits, ours: "+OK"},
	}},
	{name: "reset", calls: []call{
		{line: "RESET a", differs: resets, ours: "-ERR wrong number of arguments for 'reset' command"},
		{line: "RESET", differs: resets, ours: "+RESET"},
	}},
	{name: "auth without password", calls: []call{
		{line: "AUTH"}, {line: "AUTH x"}, {line: "AUTH default x"}, {line: "AUTH bob x"}, {line: "AUTH a b c"}, {line: `AUTH default ""`},
	}},
	{name: "hello", calls: []call{
		{line: "HELLO x"}, {line: "HELLO 1"}, {line: "HELLO 4"}, {line: "HELLO -1"}, {line: "HELLO 99999999999999999999"},
		{line: "HELLO 2 FOO"}, {line: "HELLO 2 AUTH a"}, {line: "HELLO 2 AUTH a b"}, {line: "HELLO 2 SETNAME"},
		{line: `HELLO 2 SETNAME "a b"`}, {line: "HELLO AUTH default x"}, {line: "HELLO 3 SETNAME a FOO"},
		{line: "CLIENT GETNAME", differs: since72, ours: "$(null)", ours3: "_"},
	}},
	{name: "hello in RESP2", only: 2, calls: []call{
		{line: "HELLO 2", how: shape, differs: version,
			ours: `*["server" "redis" "version" "7.2.6" "proto" :<number> "id" :<number> "mode" "sentinel" "modules" *[]]`},
	}},
	{name: "hello in RESP3", only: 3, calls: []call{
		{line: "HELLO", how: shape, differs: version,
			ours: `%["server" "redis" "version" "7.2.6" "proto" :<number> "id" :<number> "mode" "sentinel" "modules" *[]]`},
		{line: "HELLO 2 AUTH default x", how: shape, differs: version,
			ours: `*["server" "redis" "version" "7.2.6" "proto" :<number> "id" :<number> "mode" "sentinel" "modules" *[]]`},
		{line: "CLIENT GETNAME"},
	}},
	{name: "names", calls: []call{
		{line: "CLIENT GETNAME"}, {line: "CLIENT SETNAME x"}, {line: "CLIENT GETNAME"}, {line: `CLIENT SETNAME "a b"`},
		{line: `CLIENT SETNAME "a\x7f"`}, {line: `CLIENT SETNAME "\xc3\xa9"`}, {line: "CLIENT GETNAME"}, {line: `CLIENT SETNAME ""`}, {line: "CLIENT GETNAME"},
		{line: "CLIENT SETINFO LIB-NAME x", differs: since72, ours: "+OK"},
		{line: "CLIENT SETINFO LIB-VER 1.2.3", differs: since72, ours: "+OK"},
		{line: `CLIENT SETINFO LIB-VER "a b"`, differs: since72, ours: "-ERR LIB-VER cannot contain spaces, newlines or special characters."},
		{line: "CLIENT SETINFO FOO x", differs: since72, ours: "-ERR Unrecognized option 'FOO'"},
		{line: "CLIENT NO-TOUCH ON"}, {line: "CLIENT CAPA x"}, {line: "CLIENT MAINT_NOTIFICATIONS ON"},
	}},
	{name: "client", calls: []call{
		{line: "CLIENT"}, {line: "CLIENT FOO"}, {line: `CLIENT "a\nb"`}, {line: "CLIENT ID", how: shape}, {line: "CLIENT ID x"},
		{line: "CLIENT INFO", how: names}, {line: "CLIENT NO-EVICT ON"}, {line: "CLIENT NO-EVICT OFF"}, {line: "CLIENT NO-EVICT foo"},
		{line: "CLIENT UNBLOCK 999999"}, {line: "CLIENT UNBLOCK x"}, {line: "CLIENT UNBLOCK 1 foo"}, {line: "CLIENT UNBLOCK 999999 error"},
		{line: "CLIENT UNBLOCK 1 timeout x"}, {line: "CLIENT PAUSE x"}, {line: "CLIENT PAUSE -1"}, {line: "CLIENT PAUSE 1 foo"}, {line: "CLIENT PAUSE 0"},
		{line: "CLIENT PAUSE 1 ALL"}, {line: "CLIENT PAUSE 1 write"}, {line: "CLIENT PAUSE 1 write x"}, {line: "CLIENT UNPAUSE"},
		{line: "CLIENT HELP", how: kind},
	}},
	{name: "reply modes", calls: []call{
		{line: "CLIENT REPLY foo"}, {line: "CLIENT REPLY ON"}, {line: "CLIENT REPLY SKIP", replies: none}, {line: "PING", replies: none}, {line: "PING a"},
		{line: "CLIENT REPLY OFF", replies: none}, {line: "FOO", replies: none}, {line: "CLIENT REPLY SKIP", replies: none},
		{line: "CLIENT REPLY ON"}, {line: "PING b"},
	}},
	{name: "tracking", calls: []call{
		{line: "CLIENT TRACKINGINFO"}, {line: "CLIENT GETREDIR"}, {line: "CLIENT CACHING yes"}, {line: "CLIENT CACHING foo"},
		{line: "CLIENT TRACKING foo"}, {line: "CLIENT TRACKING on FOO"}, {line: "CLIENT TRACKING off FOO"}, {line: "CLIENT TRACKING off OPTIN"},
		{line: "CLIENT TRACKING on REDIRECT"}, {line: "CLIENT TRACKING on REDIRECT x"}, {line: "CLIENT TRACKING on REDIRECT 999999"},
		{line: "CLIENT TRACKING on PREFIX a"}, {line: "CLIENT TRACKING on OPTIN OPTOUT"}, {line: "CLIENT TRACKING on OPTIN BCAST"},
		{line: "CLIENT TRACKING on"}, {line: "CLIENT TRACKINGINFO"}, {line: "CLIENT GETREDIR"}, {line: "CLIENT CACHING yes"}, {line: "CLIENT CACHING no"},
		{line: "CLIENT TRACKING on BCAST"}, {line: "CLIENT TRACKING on OPTIN"}, {line: "CLIENT CACHING yes"}, {line: "CLIENT TRACKINGINFO"}, {line: "PING"},
		{line: "CLIENT TRACKINGINFO"}, {line: "CLIENT CACHING foo"}, {line: "CLIENT TRACKING on OPTOUT"}, {line: "CLIENT TRACKING off"},
		{line: "CLIENT TRACKING on OPTOUT NOLOOP"}, {line: "CLIENT CACHING no"}, {line: "CLIENT TRACKINGINFO"}, {line: "CLIENT TRACKING off"},
		{line: "CLIENT TRACKING on BCAST PREFIX a PREFIX ab"}, {line: "CLIENT TRACKING on BCAST PREFIX a PREFIX b"},
		{line: "CLIENT TRACKING on BCAST PREFIX bb"}, {line: "CLIENT TRACKINGINFO", how: sorted}, {line: "CLIENT TRACKING OFF"}, {line: "CLIENT TRACKINGINFO"},
	}},
	{name: "lists of clients", calls: []call{
		{line: "CLIENT LIST", how: names}, {line: "CLIENT LIST foo"}, {line: "CLIENT LIST TYPE"}, {line: "CLIENT LIST TYPE foo"},
		{line: "CLIENT LIST TYPE master"}, {line: "CLIENT LIST TYPE replica"}, {line: "CLIENT LIST TYPE pubsub"}, {line: "CLIENT LIST TYPE normal", how: names},
		{line: "CLIENT LIST ID"}, {line: "CLIENT LIST ID x"}, {line: "CLIENT LIST ID 999999 888888"}, {line: "CLIENT LIST TYPE normal ID 1"},
	}},
	{name: "kill", calls: []call{
		{line: "CLIENT KILL"}, {line: "CLIENT KILL foo"}, {line: "CLIENT KILL 1.2.3.4:5"}, {line: "CLIENT KILL ID"}, {line: "CLIENT KILL ID 0"},
		{line: "CLIENT KILL ID x"}, {line: "CLIENT KILL ID 999999"}, {line: "CLIENT KILL ID 1 FOO"}, {line: "CLIENT KILL TYPE foo"}, {line: "CLIENT KILL TYPE master"},
		{line: "CLIENT KILL TYPE pubsub"}, {line: "CLIENT KILL USER bob"}, {line: "CLIENT KILL ADDR 1.2.3.4:5"}, {line: "CLIENT KILL LADDR 1.2.3.4:5"},
		{line: "CLIENT KILL ADDR 1.2.3.4:5 ID 1 SKIPME no"}, {line: "CLIENT KILL SKIPME foo"}, {line: "CLIENT KILL FOO bar"},
		{line: "CLIENT KILL MAXAGE 1000000", differs: since74, ours: ":0"},
		{line: "CLIENT KILL USER default TYPE normal SKIPME no", replies: -1, how: shape},
	}},
	{name: "subscribe", calls: []call{
		{line: "UNSUBSCRIBE"}, {line: "UNSUBSCRIBE a b", replies: 2}, {line: "PUNSUBSCRIBE"}, {line: "PUNSUBSCRIBE x*"},
		{line: "SUBSCRIBE"}, {line: "PSUBSCRIBE"}, {line: "SUBSCRIBE a b a", replies: 3}, {line: "PSUBSCRIBE a* b*", replies: 2}, {line: `SUBSCRIBE "" "\r\n"`, replies: 2},
		{line: "PING"}, {line: "PING x"}, {line: "PING x y"}, {line: "FOO"}, {line: "SENTINEL foo"}, {line: "RESET x", differs: resets, ours: "-ERR wrong number of arguments for 'reset' command"},
		{line: "UNSUBSCRIBE a zz", replies: 2}, {line: "UNSUBSCRIBE a", replies: 1}, {line: "PUNSUBSCRIBE b* nope", replies: 2},
		{line: "UNSUBSCRIBE b"}, {line: `UNSUBSCRIBE ""`}, {line: "UNSUBSCRIBE"}, {line: "PUNSUBSCRIBE"}, {line: "PUNSUBSCRIBE"}, {line: "CLIENT GETNAME"},
	}},
	{name: "subscribed", only: 2, calls: []call{
		{line: "SUBSCRIBE a"}, {line: "SENTINEL MASTERS"}, {line: "INFO"}, {line: "HELLO 3"}, {line: "CLIENT INFO"}, {line: "AUTH x"}, {line: "PUBLISH a b"},
		{line: "COMMAND"}, {line: "ROLE"}, {line: "SHUTDOWN"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"},
		{line: "QUIT", differs: quits, ours: "+OK"},
	}},
	{name: "subscribed freely", only: 3, calls: []call{
		{line: "SUBSCRIBE a"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"}, {line: "ROLE"}, {line: "PUBLISH a b"}, {line: "CLIENT REPLY OFF", replies: none},
		{line: "PSUBSCRIBE b"}, {line: "PING", replies: none}, {line: "CLIENT REPLY ON"}, {line: "CLIENT LIST TYPE pubsub", how: names},
	}},
	{name: "publish", calls: []call{
		{line: "PUBLISH"}, {line: "PUBLISH a"}, {line: "PUBLISH a b c"}, {line: "PUBLISH foo bar"}, {line: "PUBLISH __sentinel__:hello foo"},
		{line: "PUBLISH __SENTINEL__:hello foo"}, {line: "PUBLISH +switch-master x"},
	}},
	{name: "shutdown", calls: []call{
		{line: "SHUTDOWN foo"}, {line: "SHUTDOWN ABORT"}, {line: "SHUTDOWN ABORT NOW"}, {line: "SHUTDOWN NOSAVE SAVE"}, {line: "SHUTDOWN NOW foo"},
	}},
}

// passwordCalls are held with servers that have the password "secret".
var passwordCalls = []conversation{
	{name: "strangers", only: 2, calls: []call{
		{line: "PING"}, {line: "SENTINEL MASTERS"}, {line: "INFO"}, {line: "SUBSCRIBE a"}, {line: "CLIENT ID"}, {line: "COMMAND"}, {line: "SHUTDOWN"},
		{line: "FOO"}, {line: "SENTINEL foo"}, {line: "PING a b"}, {line: "ROLE x"}, {line: "SENTINEL MASTER"},
		{line: "HELLO", differs: since72, ours: "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"},
		{line: "HELLO 3", differs: since72, ours: "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"},
		{line: "HELLO x"}, {line: "HELLO 4"}, {line: "HELLO 3 FOO"}, {line: "HELLO 3 AUTH default wrong"}, {line: "HELLO 3 AUTH bob secret"},
		{line: "AUTH wrong"}, {line: "AUTH bob secret"}, {line: "AUTH default wrong"}, {line: `AUTH ""`}, {line: "AUTH a b c"}, {line: "AUTH"},
		{line: "PING"}, {line: "AUTH secret"}, {line: "PING"}, {line: "AUTH wrong"}, {line: "PING"}, {line: "CLIENT GETNAME"},
	}},
	{name: "auth with a user", only: 2, calls: []call{
		{line: "AUTH default secret"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"},
	}},
	{name: "hello with auth", only: 2, calls: []call{
		{line: "HELLO 2 AUTH default wrong SETNAME x"}, {line: "PING"}, {line: "HELLO 2 SETNAME x AUTH default secret", how: kind},
		{line: "CLIENT GETNAME"}, {line: "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"},
	}},
}
