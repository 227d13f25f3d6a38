package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// group is a Membership that says what it was told.
type group struct {
	peers []cluster.Peer
	// fail is what AddMember and RemoveMember return instead of doing anything.
	fail  error
	asked []string
}

// idle is where a node does not serve when it has been added.
const idle = "10.1.1.9:7000"

func (g *group) Peers() []cluster.Peer { return g.peers }

func (g *group) AddMember(_ context.Context, addr string) (cluster.Peer, error) {
	g.asked = append(g.asked, "add "+addr)
	return cluster.Peer{Addr: addr, Serving: addr != idle}, g.fail
}

func (g *group) RemoveMember(_ context.Context, idOrAddr string) error {
	g.asked = append(g.asked, "remove "+idOrAddr)
	return g.fail
}

// withMembers is a bench of a node in a group of three, of whom the third has
// not announced itself; a fourth has left the group and is still listed.
func withMembers(t *testing.T) (*bench, *group) {
	b := newBench(t)
	b.apply(state.OpMember{Member: state.Member{ID: "bb", Addr: addr("10.1.1.2:26379"), Version: "1.2.4", Alive: true}})
	b.apply(state.OpMember{Member: state.Member{ID: "gone", Addr: addr("10.1.1.9:26379")}})
	g := &group{peers: []cluster.Peer{
		{ID: self, Addr: "10.1.1.1:7000", Self: true, Reachable: true, Serving: true},
		{ID: "bb", Addr: "10.1.1.2:7000", Reachable: true, Serving: true, Leader: true},
		{Addr: "10.1.1.3:7000", Trouble: "connection refused"},
	}}
	b.node.Members = g
	b.watcher.members["bb"] = failover.MemberView{Heard: true, Connected: true, LastHeard: 250 * time.Millisecond}
	return b, g
}

func TestMembersListing(t *testing.T) {
	b, _ := withMembers(t)
	b.broker.health = cluster.Health{Condition: cluster.Suspended, Reason: "no majority"}
	list := b.do("SENTINEL", "MEMBERS").(Array)
	const fields = "id ip port engine-address version self alive reachable serving leader last-ok-ping-reply trouble"
	var got []string
	for _, entry := range list {
		if keys(entry.(Map)) != fields {
			t.Errorf("fields %s", keys(entry.(Map)))
		}
		var values []string
		for _, p := range entry.(Map) {
			values = append(values, scalar(p.Value))
		}
		got = append(got, strings.Join(values, " "))
	}
	want := []string{
		string(self) + " 127.0.0.1 26379 10.1.1.1:7000  1 1 1 1 0 0 no majority",
		"bb 10.1.1.2 26379 10.1.1.2:7000 1.2.4 0 1 1 1 1 250 ",
		"gone 10.1.1.9 26379   0 0 0 0 0 0 it is no member of the group any more; SENTINEL MEMBER REMOVE forgets it",
		"  0 10.1.1.3:7000  0 0 0 0 0 0 connection refused",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A node that waits to be added knows nobody but itself.
func TestMembersOfAJoiner(t *testing.T) {
	b := newBench(t)
	b.broker.now = state.New()
	b.broker.health = cluster.Health{Condition: cluster.Suspended, Reason: "waits to be added"}
	b.node.Members = &group{}
	list := b.do("SENTINEL", "MEMBERS").(Array)
	if len(list) != 1 || get(t, list[0].(Map), "id") != string(self) || get(t, list[0].(Map), "trouble") != "waits to be added" {
		t.Errorf("got %v", list)
	}
}

// Where the engine has no members of its own, the document says it all.
func TestMembersWithoutMembership(t *testing.T) {
	b, _ := withMembers(t)
	b.node.Members = nil
	b.apply(state.OpMember{Member: state.Member{ID: "cc", Alive: true}})
	b.watcher.members["cc"] = failover.MemberView{Trouble: "connection refused"}
	flags := map[string]string{}
	for _, entry := range b.do("SENTINEL", "MEMBERS").(Array) {
		m := entry.(Map)
		flags[get(t, m, "id")] = get(t, m, "reachable") + get(t, m, "serving") + " " + get(t, m, "trouble")
	}
	if len(flags) != 4 || flags[string(self)] != "11 " || flags["bb"] != "11 " || flags["cc"] != "01 connection refused" || flags["gone"] != "00 the others do not hear from it" {
		t.Errorf("got %q", flags)
	}
}

func TestMemberChanges(t *testing.T) {
	const (
		verb     = Error("ERR Only SENTINEL MEMBER ADD <host:port> / REMOVE <id|host:port> are supported.")
		notFound = Error("ERR No member has the id or the address 'nobody'; SENTINEL MEMBERS lists them")
	)
	tests := []struct {
		line      string
		want      Reply
		asked     string // of the engine
		forgotten string
	}{
		{"ADD 10.1.1.4:7000", OK, "add 10.1.1.4:7000", ""},
		{"add 10.1.1.4:7000", OK, "add 10.1.1.4:7000", ""},
		{"ADD " + idle, errNotServing(cluster.Peer{Addr: idle}), "add " + idle, ""},
		{"REMOVE bb", OK, "remove bb", "bb"},
		{"remove 10.1.1.2:7000", OK, "remove bb", "bb"},
		{"REMOVE 10.1.1.2:26379", OK, "remove bb", "bb"},
		{"REMOVE 10.1.1.3:7000", OK, "remove 10.1.1.3:7000", ""},
		{"REMOVE gone", OK, "", "gone"},
		{"REMOVE nobody", notFound, "", ""},
		{"REMOVE :0", Error("ERR No member has the id or the address ':0'; SENTINEL MEMBERS lists them"), "", ""},
		{"REMOVE " + string(self), Error("ERR A node does not remove itself: tell another one to do it"), "", ""},
		{"REMOVE 127.0.0.1:26379", Error("ERR A node does not remove itself: tell another one to do it"), "", ""},
		{"LIST x", verb, "", ""},
		{"ADD", Error("ERR wrong number of arguments for 'sentinel|member' command"), "", ""},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			b, g := withMembers(t)
			if got := b.do(append([]string{"SENTINEL", "MEMBER"}, strings.Fields(test.line)...)...); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if got := strings.Join(g.asked, ", "); got != test.asked {
				t.Errorf("the engine was asked to %q, want %q", got, test.asked)
			}
			for _, id := range []state.MemberID{self, "bb", "gone"} {
				if _, there := b.broker.now.Member(id); there != (string(id) != test.forgotten) {
					t.Errorf("%s is in the document: %t", id, there)
				}
			}
		})
	}
}

func TestRemoveAmbiguous(t *testing.T) {
	b, g := withMembers(t)
	b.apply(state.OpMember{Member: state.Member{ID: "cc", Addr: addr("10.1.1.9:26379"), Alive: true}})
	want := Error("ERR More than one member has the address '10.1.1.9:26379'; give the id, which SENTINEL MEMBERS lists")
	if got := b.do("SENTINEL", "MEMBER", "REMOVE", "10.1.1.9:26379"); got != want || len(g.asked) != 0 {
		t.Errorf("got %v, the engine was asked to %v", got, g.asked)
	}
}

// Who is alive and in no group would go on acting; who is dead is forgotten.
func TestMemberChangesWithoutMembership(t *testing.T) {
	b, _ := withMembers(t)
	b.node.Members = nil
	for line, want := range map[string]Reply{
		"ADD 10.1.1.4:7000": errNoMembership,
		"REMOVE bb":         Error("ERR Nothing was changed: the member at 10.1.1.2:26379 is alive, and only the document lists it: stop its process first"),
		"REMOVE gone":       OK,
	} {
		if got := b.do(append([]string{"SENTINEL", "MEMBER"}, strings.Fields(line)...)...); got != want {
			t.Errorf("%s: got %v, want %v", line, got, want)
		}
	}
	if got := b.broker.now.MemberCount(); got != 2 {
		t.Errorf("%d members are left", got)
	}
}

// Whatever goes wrong, the operator is told what became of it.
func TestMemberErrors(t *testing.T) {
	tests := []struct {
		err  error
		want []string
	}{
		{fmt.Errorf("%w: no node waits there", cluster.ErrRefused), []string{"ERR Nothing was changed: no node waits there"}},
		{fmt.Errorf("%w: 1 of 3", cluster.ErrNoQuorum), []string{"NOQUORUM Nothing was changed", "1 of 3"}},
		{fmt.Errorf("%w: timeout", cluster.ErrUnknown), []string{"UNKNOWN ", "SENTINEL MEMBERS"}},
	}
	for _, test := range tests {
		for _, line := range []string{"ADD 10.1.1.4:7000", "REMOVE bb"} {
			b, g := withMembers(t)
			g.fail = test.err
			got, _ := b.do(append([]string{"SENTINEL", "MEMBER"}, strings.Fields(line)...)...).(Error)
			for _, words := range test.want {
				if !strings.Contains(string(got), words) {
					t.Errorf("%s with %v: %q does not say %q", line, test.err, got, words)
				}
			}
			if _, there := b.broker.now.Member("bb"); !there {
				t.Errorf("%s with %v: the member was forgotten", line, test.err)
			}
		}
	}
}

// A member that is out of the group and still in the document is said to be so.
func TestRemoveHalfDone(t *testing.T) {
	b, _ := withMembers(t)
	b.broker.fail = cluster.ErrNoQuorum
	got, _ := b.do("SENTINEL", "MEMBER", "REMOVE", "bb").(Error)
	if !strings.HasPrefix(string(got), "NOQUORUM ") || !strings.Contains(string(got), "still listed") {
		t.Errorf("got %q", got)
	}
}
