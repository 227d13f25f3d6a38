package chaos

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearTimeout bounds the search for the order of the calls of one key. It
// takes milliseconds; what takes longer has very many unknown calls.
const linearTimeout = 30 * time.Second

// checkLinear looks for an order of the calls of each key in which every change
// took effect, and every strong look-up was answered, at one moment between its
// begin and its end. It says for which keys there is none.
func checkLinear(calls []call) []string {
	var faults []string
	keys := byKey(calls)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		ordered := linearized(keys[key])
		var operations []porcupine.Operation
		for _, c := range ordered {
			operations = append(operations, operation(c))
		}
		switch porcupine.CheckOperationsTimeout(model, operations, linearTimeout) {
		case porcupine.Illegal:
			faults = append(faults, fmt.Sprintf("%s is not linearizable:\n%s", key, listed(ordered)))
		case porcupine.Unknown:
			faults = append(faults, fmt.Sprintf("%s: no order found, nor that there is none, in %v:\n%s", key, linearTimeout, listed(ordered)))
		}
	}
	return faults
}

// linearized returns the calls that have to be linearizable. Calls without
// effect and without answer say nothing. Neither does a set whose end is not
// known and whose value nobody saw: wherever it is put, nobody can tell, and
// each of them would double the search.
func linearized(calls []call) []call {
	seen := map[int]bool{}
	for _, c := range calls {
		seen[c.seen.timeout] = true
	}
	return slices.DeleteFunc(slices.Clone(calls), func(c call) bool {
		switch {
		case c.result == refused, !c.changes() && (c.result == unknown || !c.strong):
			return true
		}
		return c.verb == set && c.result == unknown && !seen[c.value]
	})
}

func operation(c call) porcupine.Operation {
	op := porcupine.Operation{ClientId: c.client, Input: c, Call: int64(c.begin), Return: int64(c.end)}
	if c.result == unknown {
		op.Return = math.MaxInt64
	}
	return op
}

// model is one register. The input of a step is the whole call.
var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		return step(state.(register), input.(call))
	},
}

// step reports whether the call can have had its result, and what is there after
// it.
func step(r register, c call) (bool, register) {
	if !c.changes() {
		return c.shows(r), r
	}
	next, refusal := change(r, c)
	switch c.result {
	case unknown:
		return true, next
	case done:
		return refusal == done, next
	}
	return refusal == c.result, r
}

// change is what a change does: the register after it, and whether it is done or
// why not.
func change(r register, c call) (register, result) {
	there := r.port != 0
	switch {
	case c.verb == monitor && there:
		return r, exists
	case c.verb == monitor:
		return register{port: c.value, timeout: initialTimeout}, done
	case !there:
		return r, missing
	case c.verb == remove:
		return register{}, done
	}
	r.timeout = c.value
	return r, done
}

// listed is the calls, one a line.
func listed(calls []call) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "  %v\n", c)
	}
	return b.String()
}
