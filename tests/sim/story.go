package sim

import (
	"fmt"
	"strings"

	"redis-failover/cluster/state"
)

// sayEntry tells what an entry of the log did.
func (w *world) sayEntry(index int, m state.Mutation, o state.Outcome) {
	if !w.telling {
		return
	}
	w.say("log %d: %s/%d %s%s", index, m.ID.Member, m.ID.Seq, opText(m.Op), outcomeText(o))
	for _, e := range o.Events {
		w.say("log %d: event %d %s %s", index, e.Seq, e.Name, e.Payload)
	}
}

// opText is an op in one line.
func opText(op state.Op) string {
	return state.Kind(op) + " " + strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%+v", op), "{"), "}")
}

func outcomeText(o state.Outcome) string {
	switch {
	case o.Refused():
		return fmt.Sprintf(" -> refused: %s (%s)", o.Refusal, o.Detail)
	case o.Unchanged:
		return " -> unchanged"
	}
	return ""
}
