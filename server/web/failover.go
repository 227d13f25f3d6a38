package web

import (
	"net/http"
	"time"

	"redis-failover/cluster/state"
)

// failoverRecord is a state.Failover for clients. Times are RFC 3339, by the clocks
// of the nodes that wrote them; what has not happened is left out.
type failoverRecord struct {
	Epoch      state.Epoch    `json:"epoch"`
	Claim      uint64         `json:"claim"`
	Holder     state.MemberID `json:"holder"`
	Kind       string         `json:"kind"`
	Reason     string         `json:"reason"`
	From       string         `json:"from"`
	To         string         `json:"to,omitempty"`
	Phase      string         `json:"phase"`
	Outcome    string         `json:"outcome,omitempty"`
	EndReason  string         `json:"end-reason,omitempty"`
	Started    string         `json:"started"`
	PhaseSince string         `json:"phase-since"`
	Switched   string         `json:"switched,omitempty"`
	Ended      string         `json:"ended,omitempty"`
	Votes      []voteRecord   `json:"votes"`
	Candidates []candidate    `json:"candidates"`
	Replicas   []reconfRecord `json:"replicas"`
}

type voteRecord struct {
	Member state.MemberID `json:"member"`
	At     string         `json:"at"`
}

type candidate struct {
	Address string `json:"address"`
	Chosen  bool   `json:"chosen"`
	Reason  string `json:"reason"`
}

type reconfRecord struct {
	Address  string `json:"address"`
	Status   string `json:"status"`
	TimedOut bool   `json:"timed-out"`
}

// failovers answers with the failover that runs and those that are over. Who may
// see the master may see them.
func (e *exchange) failovers() {
	if !e.failed(e.do("SENTINEL", "MASTER", e.name())) {
		e.json(http.StatusOK, e.failoverRecords())
	}
}

// failoverRecords are those of the master, as far as the document still has them.
func (e *exchange) failoverRecords() map[string]any {
	past := []failoverRecord{}
	var running *failoverRecord
	doc := e.options.Node.Broker.State()
	if m, ok := doc.Master(e.name()); ok {
		shown := func(a state.Addr) string { return doc.Shown(m, a).String() }
		for i := range m.History {
			past = append(past, recordOf(&m.History[i], shown))
		}
		if m.Failover != nil {
			record := recordOf(m.Failover, shown)
			running = &record
		}
	}
	return map[string]any{"running": running, "past": past}
}

// recordOf describes a failover, with addresses as clients are told them.
func recordOf(f *state.Failover, shown func(state.Addr) string) failoverRecord {
	record := failoverRecord{
		Epoch: f.Epoch, Claim: f.Number, Holder: f.Holder, Kind: string(f.Kind), Reason: f.Reason,
		From: shown(f.From), Phase: string(f.Phase), Outcome: f.Outcome, EndReason: f.EndReason,
		Started: clock(f.Started), PhaseSince: clock(f.PhaseSince), Switched: clock(f.Switched), Ended: clock(f.Ended),
		Votes: []voteRecord{}, Candidates: []candidate{}, Replicas: []reconfRecord{},
	}
	if !f.Candidate.IsZero() {
		record.To = shown(f.Candidate)
	}
	for _, v := range f.Evidence {
		record.Votes = append(record.Votes, voteRecord{v.Member, clock(v.At)})
	}
	for _, v := range f.Verdicts {
		record.Candidates = append(record.Candidates, candidate{shown(v.Addr), v.Chosen, v.Reason})
	}
	for _, r := range f.Reconf {
		record.Replicas = append(record.Replicas, reconfRecord{shown(r.Addr), string(r.Status), r.TimedOut})
	}
	return record
}

// clock is a time of the document, "" for none.
func clock(t state.Time) string {
	if t == 0 {
		return ""
	}
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
