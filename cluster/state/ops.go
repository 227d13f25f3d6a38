package state

import "encoding/json"

// opRule is how one kind of op is read and carried out.
type opRule struct {
	// schema is the one that brought the kind in.
	schema int
	decode func(body []byte) (Op, error)
	apply  func(d *draft, op Op)
}

// opRules is the only list of the kinds of ops. A kind stays for ever, with the
// meaning it has: logs hold it.
var opRules = map[string]opRule{
	OpMember{}.kind():   rule(1, (*draft).member),
	OpAlive{}.kind():    rule(1, (*draft).alive),
	OpForget{}.kind():   rule(1, (*draft).forget),
	OpMonitor{}.kind():  rule(1, (*draft).monitor),
	OpRemove{}.kind():   rule(1, (*draft).remove),
	OpSet{}.kind():      rule(1, (*draft).set),
	OpReset{}.kind():    rule(1, (*draft).reset),
	OpObserve{}.kind():  rule(1, (*draft).observe),
	OpVote{}.kind():     rule(1, (*draft).vote),
	OpBegin{}.kind():    rule(1, (*draft).begin),
	OpTakeOver{}.kind(): rule(1, (*draft).takeOver),
	OpSelect{}.kind():   rule(1, (*draft).selectCandidate),
	OpWait{}.kind():     rule(1, (*draft).wait),
	OpPromoted{}.kind(): rule(1, (*draft).promoted),
	OpProgress{}.kind(): rule(1, (*draft).progress),
	OpEnd{}.kind():      rule(1, (*draft).end),
	OpAbort{}.kind():    rule(1, (*draft).abort),
	OpRepair{}.kind():   rule(1, (*draft).repair),
	OpRepaired{}.kind(): rule(1, (*draft).repaired),
	OpConfig{}.kind():   rule(2, (*draft).config),
	OpResolve{}.kind():  rule(2, (*draft).resolve),
	OpPause{}.kind():    rule(pauseSchema, (*draft).pause),
	OpResume{}.kind():   rule(pauseSchema, (*draft).resume),
}

func rule[T Op](schema int, apply func(*draft, T)) opRule {
	return opRule{
		schema: schema,
		decode: func(body []byte) (Op, error) {
			var op T
			err := json.Unmarshal(body, &op)
			return op, err
		},
		apply: func(d *draft, op Op) { apply(d, op.(T)) },
	}
}
