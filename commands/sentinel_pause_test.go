package commands

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

func TestPauseAndResume(t *testing.T) {
	length := func(word string) Error {
		return Error("ERR Invalid length '" + word + "' of a pause; give whole seconds from 1 to 2678400, or leave FOR out for until SENTINEL RESUME")
	}
	const control = Error("ERR Invalid argument at index 4 for SENTINEL PAUSE: control characters are not allowed")
	runCalls(t, []call{
		{"SENTINEL PAUSE mymaster", OK},
		{"SENTINEL PAUSE mymaster FOR 60 REASON disks", OK},
		{"SENTINEL PAUSE x", nsm}, {"SENTINEL RESUME x", nsm}, {"SENTINEL HISTORY x", nsm}, {"SENTINEL EXPLAIN x", nsm},
		{"SENTINEL RESUME mymaster", OK},
		{"SENTINEL PAUSE mymaster FOR", errPauseWords},
		{"SENTINEL PAUSE mymaster UNTIL 7", errPauseWords},
		{"SENTINEL PAUSE mymaster FOR 1 FOR 2", errPauseWords},
		{"SENTINEL PAUSE mymaster FOR 0", length("0")}, {"SENTINEL PAUSE mymaster FOR x", length("x")}, {"SENTINEL PAUSE mymaster FOR 2678401", length("2678401")},
		{"SENTINEL PAUSE mymaster REASON a\nb", control},
		{"SENTINEL HISTORY mymaster", Array{}},
	})
	b := newBench(t)
	b.monitor("m")
	b.do("SENTINEL", "PAUSE", "m", "reason", "new disks", "for", "60")
	want := state.Pause{By: "default at 127.0.0.1:1007", Why: "new disks", For: time.Minute}
	got := *b.master("m").Pause
	if got.Number, got.Since = 0, 0; got != want {
		t.Errorf("pause %+v", got)
	}
	b.do("SENTINEL", "RESUME", "m")
	if p := b.master("m").Pause; p != nil {
		t.Errorf("pause %+v stands", p)
	}
}

// failing is a bench of a master whose failover was given up.
func failing(t *testing.T) *bench {
	b := newBench(t)
	m := b.monitor("m")
	b.apply(state.OpVote{Member: self, Votes: []state.Ballot{{Name: "m", Generation: m.Generation, Down: true}}})
	claim := b.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Auto, Member: self, Reason: "1 of 1 votes"}).Claim
	b.apply(state.OpSelect{Name: "m", Claim: claim, Candidate: addr("10.0.0.2:6379"), Verdicts: []state.Verdict{
		{Addr: addr("10.0.0.2:6379"), Chosen: true, Reason: "offset 42"}, {Addr: addr("10.0.0.3:6379"), Reason: "priority 0"},
	}})
	b.apply(state.OpAbort{Name: "m", Claim: claim, Event: state.EventAbortTimeout, Reason: "the candidate is lost", RetryNow: true})
	b.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Auto, Member: self, After: claim.Epoch, Reason: "again"})
	return b
}

// value finds a field of a map.
func value(t *testing.T, m Reply, name string) Reply {
	t.Helper()
	for _, p := range m.(Map) {
		if p.Key == name {
			return p.Value
		}
	}
	t.Fatalf("no field %q in %v", name, m)
	return nil
}

func TestHistory(t *testing.T) {
	list := failing(t).do("SENTINEL", "HISTORY", "m").(Array)
	if len(list) != 2 {
		t.Fatalf("%d records", len(list))
	}
	const fields = "epoch outcome reason end-reason kind phase from candidate holder claim started switched ended phase-milliseconds votes verdicts"
	for i, want := range []map[string]string{
		{"epoch": "2", "outcome": "", "reason": "again", "phase": "select_slave", "candidate": "", "ended": ""},
		{"epoch": "1", "outcome": "aborted", "reason": "1 of 1 votes", "end-reason": "the candidate is lost", "kind": "auto", "phase": "send_slaveof_noone",
			"from": "10.0.0.1:6379", "candidate": "10.0.0.2:6379", "holder": string(self), "claim": "1", "switched": ""},
	} {
		if got := keys(list[i].(Map)); got != fields {
			t.Errorf("fields %s", got)
		}
		for name, text := range want {
			if got := fmt.Sprint(value(t, list[i], name)); got != text {
				t.Errorf("record %d: %s is %q, not %q", i, name, got, text)
			}
		}
	}
	past := list[1]
	if _, err := time.Parse(time.RFC3339, string(value(t, past, "ended").(Bulk))); err != nil {
		t.Error(err)
	}
	if got := keys(value(t, past, "phase-milliseconds").(Map)); got != "select_slave send_slaveof_noone" {
		t.Errorf("phases %s", got)
	}
	if got := value(t, value(t, past, "votes").(Array)[0], "member"); got != Bulk(self) {
		t.Errorf("vote of %v", got)
	}
	verdict := value(t, past, "verdicts").(Array)[1]
	if value(t, verdict, "replica") != Bulk("10.0.0.3:6379") || value(t, verdict, "chosen") != Number(0) || value(t, verdict, "reason") != Bulk("priority 0") {
		t.Errorf("verdict %v", verdict)
	}
}

func TestExplain(t *testing.T) {
	b := failing(t)
	explain := func(name string) string { return fmt.Sprint(value(t, b.do("SENTINEL", "EXPLAIN", "m"), name)) }
	for name, want := range map[string]string{
		"name": "m", "address": "10.0.0.1:6379", "status": "odown", "votes": "127.0.0.1:26379", "quorum": "1",
		"waiting": "this node does not watch it yet", "paused": "",
	} {
		if got := explain(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	for name, part := range map[string]string{"failover": "epoch 2 since ", "last-failover": "aborted: the candidate is lost"} {
		if got := explain(name); !strings.Contains(got, part) {
			t.Errorf("%s is %q, without %q", name, got, part)
		}
	}
	b.do("SENTINEL", "PAUSE", "m", "REASON", "new disks")
	b.apply(state.OpAlive{Member: self, Alive: false})
	refused := "no valid answer for 2s: connection refused"
	b.watcher.views["m"] = failover.View{Why: "no replica answers", Master: failover.ServerView{Trouble: refused}}
	if got := explain("trouble"); got != refused {
		t.Errorf("trouble is %q, not %q", got, refused)
	}
	if got := explain("paused"); got != "by default at 127.0.0.1:1007 until resumed: new disks" {
		t.Errorf("paused %q", got)
	}
	if got := explain("waiting"); got != "no replica answers" {
		t.Errorf("waiting %q", got)
	}
	b.broker.health = cluster.Health{Condition: cluster.Suspended, Reason: "no majority"}
	if got := explain("waiting"); got != "nothing can be decided now: no majority" {
		t.Errorf("waiting %q", got)
	}
}
