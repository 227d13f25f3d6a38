package monitor

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"redis-failover/cluster/state"
)

func always() bool { return true }

// transaction is what an order consists of.
var transaction = []string{
	"MULTI", "SLAVEOF 10.0.0.7 6380", "CONFIG REWRITE",
	"CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub", "EXEC",
}

func TestOrderReplies(t *testing.T) {
	const queued, unknown = "+QUEUED\r\n", "-ERR unknown command\r\n"
	const abort = "-EXECABORT Transaction discarded because of previous errors.\r\n"
	const noMulti = "-ERR EXEC without MULTI\r\n"
	// again is the transaction, and once more without some of it.
	again := func(without ...string) []string {
		return append(slices.Clone(transaction), slices.DeleteFunc(slices.Clone(transaction), func(c string) bool {
			return slices.Contains(without, c)
		})...)
	}
	tests := []struct {
		name string
		// replies to the commands in turn.
		replies []string
		// want is the error, "" for success.
		want string
		sent []string
	}{
		{
			"as it should be",
			[]string{"+OK\r\n", queued, queued, queued, queued, "*4\r\n+OK\r\n+OK\r\n:3\r\n:1\r\n"},
			"", transaction,
		}, {
			"the file cannot be rewritten",
			[]string{"+OK\r\n", queued, queued, queued, queued, "*4\r\n+OK\r\n-ERR The server is running without a config file\r\n:3\r\n:1\r\n"},
			"", transaction,
		}, {
			"SLAVEOF fails within the transaction",
			[]string{"+OK\r\n", queued, queued, queued, queued, "*4\r\n-ERR REPLICAOF not allowed in cluster mode.\r\n+OK\r\n:0\r\n:0\r\n"},
			"ERR REPLICAOF not allowed in cluster mode.", transaction,
		}, {
			"SLAVEOF not permitted",
			[]string{"+OK\r\n", "-NOPERM no permissions to run 'slaveof'\r\n", queued, queued, queued, abort},
			"NOPERM no permissions to run 'slaveof'", transaction,
		}, {
			"an engine without transactions",
			[]string{unknown, "+OK\r\n", unknown, unknown, unknown, unknown},
			"", transaction,
		}, {
			"an engine without transactions refuses",
			[]string{unknown, "-ERR invalid port\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n", noMulti},
			"ERR invalid port", transaction,
		}, {
			"CONFIG is gone",
			[]string{"+OK\r\n", queued, unknown, queued, queued, abort, "+OK\r\n", queued, queued, queued, "*3\r\n+OK\r\n:3\r\n:1\r\n"},
			"", again("CONFIG REWRITE"),
		}, {
			"no subscribers can be dropped",
			[]string{"+OK\r\n", queued, queued, queued, "-ERR unknown client type\r\n", abort, "+OK\r\n", queued, queued, queued, "*3\r\n+OK\r\n+OK\r\n:1\r\n"},
			"", again("CLIENT KILL TYPE pubsub"),
		}, {
			"what is missing shows by and by",
			[]string{"+OK\r\n", queued, unknown, queued, queued, abort, "+OK\r\n", queued, unknown, queued, abort, "+OK\r\n", queued, queued, "*2\r\n+OK\r\n:1\r\n"},
			"", append(again("CONFIG REWRITE"), "MULTI", "SLAVEOF 10.0.0.7 6380", "CLIENT KILL TYPE pubsub", "EXEC"),
		}, {
			"CONFIG and CLIENT are gone",
			[]string{"+OK\r\n", queued, unknown, unknown, unknown, abort, "+OK\r\n"},
			"", append(slices.Clone(transaction), "SLAVEOF 10.0.0.7 6380"),
		}, {
			"CLIENT is not permitted, and then SLAVEOF fails",
			[]string{"+OK\r\n", queued, queued, "-NOPERM client|kill\r\n", "-NOPERM client|kill\r\n", abort, "+OK\r\n", "-ERR something\r\n", queued, abort, "-ERR something\r\n", "+OK\r\n", noMulti},
			"ERR something", append(again("CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub"), "SLAVEOF 10.0.0.7 6380", "CONFIG REWRITE", "EXEC"),
		}, {
			"SLAVEOF may not be in a transaction",
			[]string{"+OK\r\n", "-ERR Can't execute slaveof in MULTI\r\n", queued, queued, queued, abort, "+OK\r\n", "+OK\r\n", ":3\r\n", ":1\r\n", noMulti},
			"", append(slices.Clone(transaction), transaction[1:]...),
		}, {
			"SLAVEOF may not be in a transaction, and there is neither CONFIG nor CLIENT",
			[]string{"+OK\r\n", "-ERR Can't execute slaveof in MULTI\r\n", unknown, unknown, unknown, abort, "+OK\r\n"},
			"", append(slices.Clone(transaction), "SLAVEOF 10.0.0.7 6380"),
		}, {
			"discarded without a reason",
			[]string{"+OK\r\n", queued, queued, queued, queued, abort},
			"EXECABORT Transaction discarded because of previous errors.", transaction,
		}, {
			"EXEC gives nothing",
			[]string{"+OK\r\n", queued, queued, queued, queued, "*-1\r\n"},
			`EXEC was answered with "<nil>" instead of the results`, transaction,
		}, {
			"EXEC gives something else",
			[]string{"+OK\r\n", queued, queued, queued, queued, "+OK\r\n"},
			`EXEC was answered with "OK" instead of the results`, transaction,
		}, {
			"not let in",
			slices.Repeat([]string{"-NOAUTH Authentication required.\r\n"}, 6),
			"NOAUTH Authentication required.", transaction,
		}, {
			"an error without text",
			[]string{"-\r\n", "-\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"},
			"ERR", transaction,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			turn := 0
			server := serveFake(t, func(command string) string {
				if command == "PING" {
					return "+PONG\r\n"
				}
				turn++
				return tt.replies[turn-1]
			})
			w := watch(t, server.addr, func(c *linkConfig) { c.Name = "" })
			w.ping()
			w.Order(Reconfigure{ID: 42, Target: state.Addr{Host: "10.0.0.7", Port: 6380}, Valid: always})
			r := w.expect(ReportOrdered)
			if r.ID != 42 || (r.Err == nil) != (tt.want == "") || (r.Err != nil && r.Err.Error() != tt.want) {
				t.Errorf("got %d, %v, want 42, %q", r.ID, r.Err, tt.want)
			}
			if said := server.said()[1:]; !slices.Equal(said, tt.sent) {
				t.Errorf("sent %q, want %q", said, tt.sent)
			}
			if n := w.Pending(); n != 0 {
				t.Errorf("%d replies pending", n)
			}
		})
	}
}

func TestOrderIsAskedForItsValidityAtEachWrite(t *testing.T) {
	server := serveFake(t, func(command string) string {
		switch {
		case command == "MULTI":
			return "+OK\r\n"
		case command == "CONFIG REWRITE":
			return "-ERR unknown command\r\n"
		case command == "EXEC":
			return "-EXECABORT Transaction discarded because of previous errors.\r\n"
		}
		return "+QUEUED\r\n"
	})
	w := watch(t, server.addr, nil)
	asked := 0
	w.Order(Reconfigure{ID: 1, Valid: func() bool { asked++; return asked == 1 }})
	w.expect(ReportUp)
	if r := w.expect(ReportOrdered); !errors.Is(r.Err, ErrDropped) || asked != 2 {
		t.Errorf("got %v after %d questions, want %v after 2", r.Err, asked, ErrDropped)
	}
	if last := server.said(); last[len(last)-1] != "EXEC" {
		t.Errorf("sent %q, want nothing after EXEC", last)
	}
}

func TestOrderLostWithTheConnection(t *testing.T) {
	server := serveFake(t, func(command string) string {
		if strings.HasPrefix(command, "SLAVEOF") {
			return "" // closes
		}
		return "+OK\r\n"
	})
	w := watch(t, server.addr, nil)
	w.Order(Reconfigure{ID: 5, Valid: always, Probe: true})
	w.expect(ReportUp)
	if r := w.expect(ReportOrdered); r.ID != 5 || r.Err == nil || !strings.Contains(r.Err.Error(), "outcome unknown") {
		t.Errorf("got %+v, want an error that leaves the outcome open", r)
	}
	if r := w.expect(ReportDown); r.Err == nil || r.Refused {
		t.Errorf("got %+v", r)
	}
	w.quiet()
}
