package metrics

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// still is a broker with a document that does not change.
type still struct {
	cluster.Broker
	doc *state.State
}

func (s still) State() *state.State    { return s.doc }
func (s still) Self() state.MemberID   { return "a" }
func (s still) Health() cluster.Health { return cluster.Health{} }

// BenchmarkScrape is one scrape of a node that watches 8000 masters.
func BenchmarkScrape(b *testing.B) {
	doc := state.New()
	for i := range 8000 {
		doc, _ = state.Apply(doc, state.Index(i+1), state.Mutation{
			ID: state.MutationID{Member: "a", Seq: uint64(i + 1)},
			Op: state.OpMonitor{Name: fmt.Sprintf("master-%d", i), Addr: state.Addr{Host: "10.0.0.1", Port: i + 1}, Quorum: 2, Settings: state.DefaultSettings()},
		})
	}
	broker := still{doc: doc}
	m, err := New(Options{
		Document: broker, LookUps: commands.NewLookUps(commands.LookUpOptions{Broker: broker, Log: slog.New(slog.DiscardHandler)}),
		Watcher: func() commands.Watcher { return sight{document: broker} },
		Stats:   func() commands.Stats { return commands.Stats{} },
	})
	if err != nil {
		b.Fatal(err)
	}
	handler, size := m.Handler(), 0
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size)/1e6, "MB/page")
}
