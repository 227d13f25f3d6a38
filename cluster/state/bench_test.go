package state

import (
	"fmt"
	"testing"
)

// largeDoc holds n masters with two replicas each.
func largeDoc(b *testing.B, n int) *State {
	b.Helper()
	s := New()
	apply := func(op Op) {
		var out Outcome
		s, out = Apply(s, s.Index+1, Mutation{ID: MutationID{Member: alice, Seq: uint64(s.Index) + 1}, Op: op})
		if out.Refused() {
			b.Fatal(out)
		}
	}
	apply(OpMember{Member{ID: alice, Alive: true}})
	for i := range n {
		name := fmt.Sprintf("master-%05d", i)
		apply(OpMonitor{Name: name, Addr: addr(1), Quorum: 2, Settings: DefaultSettings()})
		m, _ := s.Master(name)
		apply(OpObserve{Name: name, Generation: m.Generation, Replicas: []SeenReplica{{Addr: addr(2)}, {Addr: addr(3)}}})
	}
	return s
}

// ballots votes on n masters, spread over the document.
func ballots(s *State, n int, down bool) []Ballot {
	votes := make([]Ballot, n)
	for i := range votes {
		name := fmt.Sprintf("master-%05d", i*s.Len()/n)
		m, _ := s.Master(name)
		votes[i] = Ballot{Name: name, Generation: m.Generation, Down: down}
	}
	return votes
}

// BenchmarkApplyVote is a vote on one, and on all, of many masters.
func BenchmarkApplyVote(b *testing.B) {
	for _, c := range []struct{ masters, ballots int }{{100, 1}, {10_000, 1}, {10_000, 10_000}} {
		b.Run(fmt.Sprintf("masters=%d/ballots=%d", c.masters, c.ballots), func(b *testing.B) {
			s := largeDoc(b, c.masters)
			op := OpVote{Member: alice, Votes: ballots(s, c.ballots, true)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				Apply(s, s.Index+1, Mutation{ID: MutationID{Member: alice, Seq: 1 << 30}, Op: op})
			}
		})
	}
}

// BenchmarkSnapshot is the codec on a whole document.
func BenchmarkSnapshot(b *testing.B) {
	s := largeDoc(b, 10_000)
	text, err := EncodeState(s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, _ = EncodeState(s)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := DecodeState(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
