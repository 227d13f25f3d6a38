package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func testSelf(f *fixture) {
	ids := map[state.MemberID]bool{}
	for i := range f.h.Nodes {
		id := f.c.Broker(i).Self()
		if len(id) != 40 || strings.Trim(string(id), "0123456789abcdef") != "" || ids[id] {
			f.Errorf("node %d calls itself %q: not 40 lower-case hex digits of its own", i, id)
		}
		ids[id] = true
	}
	self := f.broker().Self()
	f.restartAll()
	if now := f.broker().Self(); now != self {
		f.Errorf("after a restart Self is %s, it was %s", now, self)
	}
}

func testReadYourWrites(f *fixture) {
	for i := range 50 {
		_, index := f.accept(monitor(i))
		s := f.broker().State()
		if _, ok := s.Master(name(i)); !ok || s.Index < index {
			f.Fatalf("proposal %d was acknowledged with index %d, and State (index %d) lacks it", i, index, s.Index)
		}
	}
}

func testIndexesRise(f *fixture) {
	var last state.Index
	for i := range 50 {
		_, index := f.accept(monitor(i))
		if index <= last {
			f.Fatalf("index %d after %d", index, last)
		}
		last = index
	}
}

func testRefusal(f *fixture) {
	f.accept(monitor(1))
	before := document(f, f.broker().State())
	out, index := f.propose(state.OpRemove{Name: "nobody"})
	if out.Refusal != state.RefusedNoMaster || out.Detail == "" {
		f.Errorf("removing a master that is not there: %+v", out)
	}
	if s := f.broker().State(); s.Index < index {
		f.Errorf("State has index %d, the refusal %d", s.Index, index)
	}
	// What is remembered of ids changes; nothing else may.
	after, err := state.DecodeState(document(f, f.broker().State()))
	if err != nil {
		f.Fatal(err)
	}
	was, err := state.DecodeState(before)
	if err != nil {
		f.Fatal(err)
	}
	if after.EventSeq != was.EventSeq || after.Epoch != was.Epoch || after.Len() != was.Len() {
		f.Errorf("a refusal changed the document: %+v, then %+v", was, after)
	}
}

func testUnchanged(f *fixture) {
	f.accept(monitor(1))
	out, _ := f.accept(monitor(1))
	if !out.Unchanged || len(out.Events) != 0 {
		f.Errorf("the same MONITOR again: %+v", out)
	}
}

func testIDs(f *fixture) {
	from := f.broker().State().Index
	const n = 20
	for i := range n {
		f.accept(monitor(i))
	}
	var last uint64
	seen := 0
	for c := range f.broker().Applied(f.ctx(), from) {
		if op, ok := c.Mutation.Op.(state.OpMonitor); !ok || op.Name != name(seen) {
			continue // the broker's own
		}
		if c.Mutation.ID.Member != f.broker().Self() || c.Mutation.ID.Seq <= last {
			f.Fatalf("mutation %d got the id %v after number %d", seen, c.Mutation.ID, last)
		}
		last = c.Mutation.ID.Seq
		if seen++; seen == n {
			break
		}
	}
	if top := f.broker().State().LastSeq(f.broker().Self()); top < last {
		f.Errorf("LastSeq is %d after number %d", top, last)
	}
}

func testDuplicate(f *fixture) {
	m := state.Mutation{ID: state.MutationID{Member: "caller", Seq: 7}, Op: monitor(1)}
	out, first, err := f.broker().Propose(f.ctx(), m)
	if err != nil || out.Refused() {
		f.Fatalf("with an id of its own: %+v, %v", out, err)
	}
	f.accept(state.OpRemove{Name: name(1)})
	for range 2 {
		out, index, err := f.broker().Propose(f.ctx(), m)
		if err != nil || out.Refusal != state.RefusedDuplicate || index <= first {
			f.Errorf("the same id again: %+v, index %d after %d, %v", out, index, first, err)
		}
	}
	if _, ok := f.broker().State().Master(name(1)); ok {
		f.Error("the same id was applied twice")
	}
	f.restartAll()
	if out, _, err := f.broker().Propose(f.ctx(), m); err != nil || out.Refusal != state.RefusedDuplicate {
		f.Errorf("the same id again after a restart: %+v, %v", out, err)
	}
}

func testConflict(f *fixture) {
	const n = 64
	var won, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			op := monitor(1)
			op.Addr.Port = 1000 + i
			out, _, err := f.c.Broker(i%f.h.Nodes).Propose(f.ctx(), state.Mutation{Op: op})
			switch {
			case err != nil:
				f.Errorf("propose: %v", err)
			case out.Refusal == state.RefusedExists:
				refused.Add(1)
			case out.Count == 1:
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || refused.Load() != n-1 {
		f.Errorf("%d proposals of one name with %d addresses: %d accepted, %d refused", n, n, won.Load(), refused.Load())
	}
}

func testUnknownOp(f *fixture) {
	f.accept(monitor(1))
	out, _ := f.propose(state.OpUnknown{Kind: "of-a-newer-build", Body: []byte(`{"Answer":42}`)})
	if out.Refusal != state.RefusedUnknown {
		f.Errorf("an op of a newer build: %+v", out)
	}
	m := state.Mutation{Op: state.OpRemove{Name: monitor(1).Name}, Schema: state.SchemaVersion + 1}
	if out, _, err := f.broker().Propose(f.ctx(), m); err != nil || out.Refusal != state.RefusedSchema {
		f.Errorf("an op that needs a newer schema: %+v, %v", out, err)
	}
	f.accept(monitor(2))
	before := document(f, f.broker().State())
	f.restartAll()
	f.sameDocument("after a restart over an unknown op", document(f, f.broker().State()), before)
}

// testUnloggable: what the codec cannot write, or could not read back, must not
// get into the log, where it would stop every later start.
func testUnloggable(f *fixture) {
	f.accept(monitor(1))
	for what, op := range map[string]state.Op{
		"no op at all":               nil,
		"a body that is no JSON":     state.OpUnknown{Kind: "newer", Body: []byte("{")},
		"a known kind's wrong body":  state.OpUnknown{Kind: state.Kind(state.OpVote{}), Body: []byte(`"x"`)},
		"an address without a shape": state.OpSelect{Name: name(1), Candidate: state.Addr{Host: "a b", Port: 1}},
	} {
		_, _, err := f.broker().Propose(f.ctx(), state.Mutation{Op: op})
		if !errors.Is(err, cluster.ErrNotLogged) {
			f.Errorf("%s: %v; it must be ErrNotLogged", what, err)
		}
	}
	before := document(f, f.broker().State())
	f.accept(monitor(2))
	f.restartAll()
	if f.broker().State().Len() != 2 || len(before) == 0 {
		f.Errorf("after a restart there are %d masters instead of 2", f.broker().State().Len())
	}
}

// testArgumentsStayTheCallers: what the caller does with its slices afterwards
// changes nothing, and the race detector sees no sharing.
func testArgumentsStayTheCallers(f *fixture) {
	op := monitor(1)
	op.Replicas = []state.Addr{{Host: "192.0.2.2", Port: 1}, {Host: "192.0.2.3", Port: 1}}
	op.Settings.Renames = []state.Rename{{Command: "CONFIG", As: "c"}, {Command: "INFO", As: "i"}}
	out, _ := f.accept(op)
	before := document(f, f.broker().State())
	op.Replicas[0], op.Settings.Renames[1].As = state.Addr{}, "changed"
	f.sameDocument("after the caller changed its slices", document(f, f.broker().State()), before)

	votes := []state.Ballot{{Name: name(1), Generation: 1, Down: true}}
	for _, m := range out.Masters {
		master, _ := f.broker().State().Master(m)
		votes[0].Generation = master.Generation
	}
	f.accept(state.OpVote{Member: "v", Votes: votes})
	before = document(f, f.broker().State())
	votes[0].Down = false
	f.sameDocument("after the caller changed its ballots", document(f, f.broker().State()), before)
}

func testBarrier(f *fixture) {
	for i := range 20 {
		_, index := f.accept(monitor(i))
		for n := range f.h.Nodes {
			b := f.c.Broker(n)
			reached, err := b.Barrier(f.ctx())
			if err != nil {
				f.Fatalf("barrier on node %d: %v", n, err)
			}
			s := b.State()
			if _, ok := s.Master(name(i)); !ok || reached < index || s.Index < reached {
				f.Fatalf("node %d: acknowledged %d, barrier %d, state %d, present %t", n, index, reached, s.Index, ok)
			}
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.broker().Barrier(ended); err == nil {
		f.Error("a barrier with a context that had ended passed")
	}
}

func testImmutable(f *fixture) {
	for i := range 20 {
		f.accept(monitor(i))
	}
	held := f.broker().State()
	before := encode(f, held)
	replica := state.SeenReplica{Addr: state.Addr{Host: "192.0.2.9", Port: 9}, RunID: "r"}
	for i := range 60 {
		m, _ := held.Master(name(i % 20))
		f.accept(state.OpObserve{Name: m.Name, Generation: m.Generation, RunID: state.RunID(fmt.Sprint(i)), Replicas: []state.SeenReplica{replica}})
		f.accept(state.OpVote{Member: "v", Votes: []state.Ballot{{Name: m.Name, Generation: m.Generation, Down: i%40 < 20}}})
	}
	f.accept(state.OpReset{Names: []string{name(3)}})
	f.accept(state.OpRemove{Name: name(4)})
	f.sameDocument("a document that was held while changes went on", encode(f, held), before)
	if slices.Equal(encode(f, f.broker().State()), before) {
		f.Error("nothing went on")
	}
}

func testContextBefore(f *fixture) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	before := f.broker().State().Index
	_, _, err := f.broker().Propose(ended, state.Mutation{Op: monitor(1)})
	if !errors.Is(err, cluster.ErrNotLogged) || !errors.Is(err, context.Canceled) {
		f.Errorf("with a context that had ended: %v; it must be ErrNotLogged and context.Canceled", err)
	}
	f.accept(monitor(2))
	if _, ok := f.broker().State().Master(name(1)); ok || f.broker().State().Index < before {
		f.Error("a proposal with a context that had ended was applied")
	}
}

// testContextMeanwhile ends contexts at all moments of a proposal. What was said
// not to be logged must not be there; what is unknown is there once after it is
// proposed again under its id.
func testContextMeanwhile(f *fixture) {
	const n = 200
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		ctx, cancel := context.WithCancel(f.ctx())
		wg.Go(func() { _, _, errs[i] = f.broker().Propose(ctx, state.Mutation{Op: monitor(i)}) })
		if i%3 == 0 {
			wg.Go(func() { f.accept(monitor(n + i)) }) // the end comes in the middle of a write
		}
		cancel()
	}
	wg.Wait()
	f.barrier(f.broker())
	for i, err := range errs {
		_, there := f.broker().State().Master(name(i))
		var unknown *cluster.UnknownError
		switch {
		case err == nil && !there:
			f.Errorf("proposal %d was acknowledged and is not there", i)
		case errors.Is(err, cluster.ErrNotLogged) && there:
			f.Errorf("proposal %d was called not logged and is there: %v", i, err)
		case errors.As(err, &unknown):
			f.repeat(i, unknown.ID)
		case err != nil && !errors.Is(err, cluster.ErrNotLogged):
			f.Errorf("proposal %d: %v is neither ErrNotLogged nor an UnknownError", i, err)
		}
	}
}

// repeat proposes MONITOR number i again under its id.
func (f *fixture) repeat(i int, id state.MutationID) {
	f.Helper()
	_, was := f.broker().State().Master(name(i))
	out, _, err := f.broker().Propose(f.ctx(), state.Mutation{ID: id, Op: monitor(i)})
	if err != nil || (out.Refusal == state.RefusedDuplicate) != was {
		f.Errorf("repeating proposal %d, present %t: %+v, %v", i, was, out, err)
	}
	if _, ok := f.broker().State().Master(name(i)); !ok {
		f.Errorf("proposal %d is not there after it was repeated", i)
	}
}
