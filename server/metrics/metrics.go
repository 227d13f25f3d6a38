package metrics

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// namespace begins the name of every metric that is ours.
const namespace = "redis_failover"

// Document is the part of a broker that is told of; see cluster.Broker for what it
// promises.
type Document interface {
	Self() state.MemberID
	State() *state.State
	Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change]
	Health() cluster.Health
}

// Options of Metrics. All but Members are required.
type Options struct {
	Document Document
	LookUps  *commands.LookUps
	// Watcher returns who watches; it is called for each scrape.
	Watcher func() commands.Watcher
	// Members are those of the broker's engine, nil if it has none of its own.
	Members cluster.Membership
	// Stats returns the numbers of the server of the clients; it is called for each
	// scrape.
	Stats func() commands.Stats
	// Version is that of this build.
	Version string
}

// Metrics of one node. Its methods may be called from any goroutine.
type Metrics struct {
	options  Options
	registry *prometheus.Registry

	failovers *prometheus.CounterVec
	phases    *prometheus.HistogramVec
	switches  prometheus.Histogram
	events    *prometheus.CounterVec
	changes   *prometheus.CounterVec
	commits   *prometheus.HistogramVec
	probes    *prometheus.HistogramVec
}

// New makes the metrics of a node, in a registry of their own.
func New(o Options) (*Metrics, error) {
	if o.Document == nil || o.Watcher == nil || o.LookUps == nil || o.Stats == nil {
		return nil, errors.New("metrics: one of Options.Document, Watcher, LookUps and Stats is missing")
	}
	m := &Metrics{options: o, registry: prometheus.NewRegistry()}
	m.failovers = counters("failovers_total", "Failovers that ended, by why they were begun and how they ended.", "kind", "outcome")
	m.phases = histograms("failover_phase_seconds", "How long each phase of a failover took, by the clocks of the nodes that carried it out.", stepBuckets, "phase")
	m.switches = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: "failover_switch_seconds", Buckets: stepBuckets,
		Help: "How long failovers took from their begin until clients were told the new address.",
	})
	m.events = counters("events_total", "Agreed events, by name.", "event")
	m.changes = counters("document_changes_total", "Entries of the log that were applied, by kind; refused ones changed nothing.", "kind", "result")
	m.commits = histograms("commit_seconds", "How long this node's changes of the document took to commit, by what became of them.", commitBuckets, "result")
	m.probes = histograms("probe_seconds", "How long servers took to answer this node's PINGs.", probeBuckets, "answer")
	return m, m.registry.Register(m.all())
}

// all is everything that is collected.
func (m *Metrics) all() prometheus.Collector {
	return group{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.failovers, m.phases, m.switches, m.events, m.changes, m.commits, m.probes,
		&collector{options: m.options},
	}
}

// group is several collectors as one.
type group []prometheus.Collector

// Describe is part of prometheus.Collector.
func (g group) Describe(to chan<- *prometheus.Desc) {
	for _, c := range g {
		c.Describe(to)
	}
}

// Collect is part of prometheus.Collector.
func (g group) Collect(to chan<- prometheus.Metric) {
	for _, c := range g {
		c.Collect(to)
	}
}

// The bounds of durations, in seconds. A failover on a local network takes tens of
// milliseconds, one that waits for a server seconds to minutes; a commit is one write
// to a disk, or a round trip with one; a probe is a round trip.
var (
	stepBuckets   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180}
	commitBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	probeBuckets  = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
)

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		// One number that cannot be told must not hide the others.
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes, EnableOpenMetrics: true,
	})
}

// maxScrapes at the same time: each looks at all masters.
const maxScrapes = 4

// Probed counts an answer to a PING; valid is one of a server that lives.
func (m *Metrics) Probed(latency time.Duration, valid bool) {
	answer := "error"
	if valid {
		answer = "ok"
	}
	m.probes.WithLabelValues(answer).Observe(latency.Seconds())
}

// Run counts what changes in the document until ctx ends.
func (m *Metrics) Run(ctx context.Context) {
	doc := m.options.Document.State()
	past := newPast(doc)
	seen := doc.EventSeq
	for change := range m.options.Document.Applied(ctx, doc.Index) {
		events := change.Outcome.Events
		if change.Reset {
			events = change.State.EventsAfter(seen)
		} else {
			m.changes.WithLabelValues(state.Kind(change.Mutation.Op), result(change.Outcome)).Inc()
		}
		seen = change.State.EventSeq
		for _, e := range events {
			m.events.WithLabelValues(e.Name).Inc()
		}
		for _, f := range past.ended(change) {
			m.ended(f)
		}
	}
}

func result(out state.Outcome) string {
	if out.Refused() {
		return "refused"
	}
	return "applied"
}

// ended counts a failover.
func (m *Metrics) ended(f *state.Failover) {
	m.failovers.WithLabelValues(string(f.Kind), f.Outcome).Inc()
	if f.Switched != 0 {
		m.switches.Observe(between(f.Started, f.Switched))
	}
	for i, p := range f.Phases {
		end := f.Ended
		if i+1 < len(f.Phases) {
			end = f.Phases[i+1].At
		}
		m.phases.WithLabelValues(string(p.Phase)).Observe(between(p.At, end))
	}
}

// between is in seconds. Two clocks may disagree; nothing takes less than no time.
func between(from, to state.Time) float64 {
	return max(0, (time.Duration(to-from) * time.Millisecond).Seconds())
}

// past knows which finished failovers were counted.
type past struct {
	// last is the highest epoch of a finished failover, by master.
	last map[string]state.Epoch
}

// newPast counts nothing of what is in the document already.
func newPast(doc *state.State) *past {
	p := &past{last: make(map[string]state.Epoch)}
	for m := range doc.Masters() {
		p.fresh(m)
	}
	return p
}

// ended are the failovers that ended with a change.
func (p *past) ended(change cluster.Change) []*state.Failover {
	names := change.Outcome.Masters
	if change.Reset {
		names = nil
		for m := range change.State.Masters() {
			names = append(names, m.Name)
		}
	}
	var list []*state.Failover
	for _, name := range names {
		if m, ok := change.State.Master(name); ok {
			list = append(list, p.fresh(m)...)
		} else {
			delete(p.last, name)
		}
	}
	return list
}

// fresh are the failovers in a master's history that were not there before.
func (p *past) fresh(m *state.Master) []*state.Failover {
	var list []*state.Failover
	for i := range m.History {
		if f := &m.History[i]; f.Epoch > p.last[m.Name] {
			list = append(list, f)
			p.last[m.Name] = f.Epoch
		}
	}
	return list
}
