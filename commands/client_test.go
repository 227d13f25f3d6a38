package commands

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClientReplies(t *testing.T) {
	runCalls(t, []call{
		{"CLIENT ID", Int(7)},
		{"CLIENT GETNAME", Null{}},
		{"CLIENT SETNAME x", OK},
		{"CLIENT SETNAME a\x7f", Error("ERR Client names cannot contain spaces, newlines or special characters.")},
		{"CLIENT SETINFO LIB-NAME x", OK},
		{"CLIENT SETINFO lib-ver 1.2", OK},
		{"CLIENT SETINFO lib-Name a\n", Error("ERR lib-Name cannot contain spaces, newlines or special characters.")},
		{"CLIENT SETINFO foo x", Error("ERR Unrecognized option 'foo'")},
		{"CLIENT NO-EVICT on", OK}, {"CLIENT NO-EVICT foo", errSyntax},
		{"CLIENT GETREDIR", Int(-1)},
		{"CLIENT TRACKINGINFO", Map{{"flags", Set{Bulk("off")}}, {"redirect", Int(-1)}, {"prefixes", Array{}}}},
		{"CLIENT UNBLOCK 8", Int(0)}, {"CLIENT UNBLOCK 8 error", Int(0)},
		{"CLIENT UNBLOCK x", errNotInteger}, {"CLIENT UNBLOCK 8 foo", errUnblockReason},
		{"CLIENT UNBLOCK 8 error x", Error("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")},
		{"CLIENT PAUSE x", errPauseInteger}, {"CLIENT PAUSE -1", errPauseNegative}, {"CLIENT PAUSE 1 foo", errPauseMode},
		{"CLIENT PAUSE 9223372036854775807", errPauseInteger},
		{"CLIENT PAUSE 1 all x", Error("ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.")},
		{"CLIENT REPLY foo", errSyntax}, {"CLIENT REPLY on", OK}, {"CLIENT REPLY off", NoReply{}}, {"CLIENT REPLY skip", NoReply{}},
		{"CLIENT LIST foo", errSyntax}, {"CLIENT LIST TYPE", errSyntax}, {"CLIENT LIST ID", errSyntax},
		{"CLIENT LIST TYPE foo", Error("ERR Unknown client type 'foo'")},
		{"CLIENT LIST TYPE slave", Verbatim("")}, {"CLIENT LIST ID x", Error("ERR Invalid client ID")}, {"CLIENT LIST ID 99", Verbatim("")},
		{"CLIENT CACHING yes", errCachingOff},
		{"CLIENT TRACKING foo", errSyntax}, {"CLIENT TRACKING on REDIRECT", errSyntax}, {"CLIENT TRACKING off foo", errSyntax},
		{"CLIENT TRACKING on REDIRECT x", errNotInteger}, {"CLIENT TRACKING on REDIRECT 99", errTrackRedirect},
		{"CLIENT TRACKING on REDIRECT 8 REDIRECT 9", errTrackTwice},
		{"CLIENT TRACKING on REDIRECT 8", OK},
		{"CLIENT TRACKING on PREFIX a", errTrackPrefix}, {"CLIENT TRACKING on OPTIN OPTOUT", errTrackBothOpts},
		{"CLIENT TRACKING on BCAST OPTIN", errTrackOptsBcast},
		{"CLIENT TRACKING on BCAST" + strings.Repeat(" PREFIX a", maxPrefixes+1), errTrackPrefixes},
		{"CLIENT TRACKING on BCAST PREFIX a PREFIX ab", Error("ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.")},
	})
}

func TestClientPause(t *testing.T) {
	b := newBench(t)
	b.do("CLIENT", "PAUSE", "100", "WRITE")
	if b.host.paused != 0 {
		t.Error("PAUSE WRITE holds back commands that write nothing")
	}
	b.do("CLIENT", "PAUSE", "100")
	if b.host.paused != 100*time.Millisecond {
		t.Errorf("paused for %v", b.host.paused)
	}
	if b.do("CLIENT", "UNPAUSE"); !b.host.unpaused {
		t.Error("UNPAUSE did nothing")
	}
}

func TestClientKill(t *testing.T) {
	tests := []struct {
		line   string
		want   Reply
		killed []int64
		self   bool
	}{
		{"127.0.0.1:1008", OK, []int64{8}, false},
		{"127.0.0.1:1007", OK, nil, true},
		{"1.2.3.4:5", errNoSuchClient, nil, false},
		{"foo", errNoSuchClient, nil, false},
		{"ID 8", Int(1), []int64{8}, false},
		{"ID 7", Int(0), nil, false},
		{"ID 7 SKIPME no", Int(1), nil, true},
		{"ID 99", Int(0), nil, false},
		{"ID 0", errClientID, nil, false},
		{"ID x", errClientID, nil, false},
		{"ID 8 FOO", errSyntax, nil, false},
		{"TYPE normal", Int(1), []int64{8}, false},
		{"TYPE pubsub", Int(1), []int64{9}, false},
		{"TYPE master", Int(0), nil, false},
		{"TYPE foo", Error("ERR Unknown client type 'foo'"), nil, false},
		{"USER default", Int(2), []int64{8, 9}, false},
		{"USER default SKIPME no", Int(3), []int64{8, 9}, true},
		{"USER bob", Error("ERR No such user 'bob'"), nil, false},
		{"ADDR 127.0.0.1:1009 TYPE normal", Int(0), nil, false},
		{"LADDR 127.0.0.1:26379", Int(2), []int64{8, 9}, false},
		{"MAXAGE 60", Int(1), []int64{8}, false},
		{"MAXAGE x", errMaxAge, nil, false},
		{"SKIPME yes", Int(2), []int64{8, 9}, false},
		{"SKIPME foo", errSyntax, nil, false},
		{"FOO bar", errSyntax, nil, false},
	}
	for _, test := range tests {
		b := newBench(t)
		words := append([]string{"CLIENT", "KILL"}, strings.Split(test.line, " ")...)
		if got := b.do(words...); got != test.want {
			t.Errorf("%s: %v, want %v", test.line, got, test.want)
		}
		if !slices.Equal(b.host.killed, test.killed) || b.session.closed != test.self {
			t.Errorf("%s: killed %v, itself %v", test.line, b.host.killed, b.session.closed)
		}
	}
}

func TestClientLine(t *testing.T) {
	b := newBench(t)
	b.do("CLIENT", "SETNAME", "me")
	b.do("CLIENT", "SETINFO", "LIB-NAME", "lib")
	b.do("CLIENT", "SETINFO", "LIB-VER", "9")
	b.do("CLIENT", "NO-EVICT", "on")
	b.do("CLIENT", "TRACKING", "on", "BCAST", "REDIRECT", "8")
	line := string(b.do("CLIENT", "INFO").(Verbatim))
	shape := regexp.MustCompile(`^id=7 addr=127\.0\.0\.1:1007 laddr=127\.0\.0\.1:26379 fd=\d+ name=me age=\d+ idle=\d+ flags=tBe db=0 ` +
		`sub=0 psub=0 ssub=0 multi=-1 qbuf=\d+ qbuf-free=\d+ argv-mem=\d+ multi-mem=\d+ rbs=\d+ rbp=\d+ obl=0 oll=0 omem=0 ` +
		`tot-mem=\d+ events=r cmd=client\|info user=default redir=8 resp=2 lib-name=lib lib-ver=9\n$`)
	if !shape.MatchString(line) {
		t.Errorf("CLIENT INFO: %q", line)
	}
	list := string(b.do("CLIENT", "LIST").(Verbatim))
	if strings.Count(list, "\n") != 3 || !strings.Contains(list, "id=9 ") || !strings.Contains(list, "flags=P") || !strings.Contains(list, "cmd=NULL") {
		t.Errorf("CLIENT LIST: %q", list)
	}
	if got := string(b.do("CLIENT", "LIST", "ID", "9", "8").(Verbatim)); strings.Count(got, "\n") != 2 || strings.Contains(got, "id=7 ") {
		t.Errorf("CLIENT LIST ID: %q", got)
	}
	if got := string(b.do("CLIENT", "LIST", "TYPE", "PubSub").(Verbatim)); strings.Count(got, "\n") != 1 {
		t.Errorf("CLIENT LIST TYPE: %q", got)
	}
}

// The steps are one session's, in order.
func TestClientTracking(t *testing.T) {
	b := newBench(t)
	flags := func(names ...string) Reply {
		return Map{{"flags", Set(bulks(names))}, {"redirect", Int(0)}, {"prefixes", Array{}}}
	}
	for _, step := range []call{
		{"CLIENT TRACKING on", OK},
		{"CLIENT CACHING foo", errSyntax},
		{"CLIENT CACHING yes", errCachingYes},
		{"CLIENT TRACKINGINFO", flags("on")},
		{"CLIENT TRACKING on OPTIN", OK},
		{"CLIENT CACHING no", errCachingNo},
		{"CLIENT CACHING yes", OK},
		{"CLIENT TRACKINGINFO", flags("on", "optin", "caching-yes")},
		{"PING", Simple("PONG")},
		{"CLIENT TRACKINGINFO", flags("on", "optin")},
		{"CLIENT TRACKING on OPTOUT", errTrackModeOpts},
		{"CLIENT TRACKING on BCAST", errTrackModeBcast},
		{"CLIENT TRACKING off", OK},
		{"CLIENT TRACKING on OPTOUT NOLOOP", OK},
		{"CLIENT CACHING no", OK},
		{"CLIENT TRACKINGINFO", flags("on", "optout", "caching-no", "noloop")},
		{"CLIENT GETREDIR", Int(0)},
		{"CLIENT TRACKING off OPTIN", OK},
		{"CLIENT GETREDIR", Int(-1)},
		{"CLIENT TRACKING on BCAST PREFIX a PREFIX b", OK},
		{"CLIENT TRACKING on BCAST PREFIX bb", Error("ERR Prefix 'bb' overlaps with an existing prefix 'b'. Prefixes for a single client must not overlap.")},
		{"CLIENT TRACKING on BCAST PREFIX c", OK},
		{"CLIENT TRACKINGINFO", Map{{"flags", Set{Bulk("on"), Bulk("bcast")}}, {"redirect", Int(0)}, {"prefixes", Array{Bulk("a"), Bulk("b"), Bulk("c")}}}},
	} {
		if got := b.do(step.words()...); !reflect.DeepEqual(got, step.want) {
			t.Fatalf("%s: got %#v, want %#v", step.line, got, step.want)
		}
	}
}

func TestSubscribeCommands(t *testing.T) {
	b := newBench(t)
	b.do("SUBSCRIBE", "a", "b")
	b.do("PSUBSCRIBE", "c*")
	if !reflect.DeepEqual(b.session.names, [2][]string{Channels: {"a", "b"}, Patterns: {"c*"}}) {
		t.Errorf("subscribed to %q", b.session.names)
	}
	b.do("UNSUBSCRIBE", "a")
	b.do("PUNSUBSCRIBE")
	if !reflect.DeepEqual(b.session.names, [2][]string{Channels: {"b"}, Patterns: {}}) {
		t.Errorf("after unsubscribing: %q", b.session.names)
	}
	many := append([]string{"SUBSCRIBE"}, slices.Repeat([]string{"x"}, maxSubscriptions)...)
	if got := b.do(many...); got != errSubscriptions {
		t.Errorf("too many subscriptions: %v", got)
	}
}
