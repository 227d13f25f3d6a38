package monitor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// order is a Reconfigure on its way. It is sent as Sentinel does, as a
// transaction of SLAVEOF, CONFIG REWRITE (so that the server is the same after
// a restart) and CLIENT KILL (so that clients ask again who the master is; our
// own connection is spared).
//
// Some engines have no MULTI, CONFIG or CLIENT, or their operators took them
// away; what matters is the SLAVEOF. Without MULTI the commands run one by one
// as they come, and SLAVEOF's own reply is the result. With MULTI but without
// one of the others the transaction is discarded, and goes out again without
// those that were refused: a server without CONFIG still has clients that write
// to it. Where it is the SLAVEOF that may not stand in a transaction, all go out
// once more without MULTI.
//
// The fields below Reconfigure are of the goroutine that reads, and while the
// order is in an outbox of whoever holds link.mu.
type order struct {
	Reconfigure
	// without are the companions that were refused, refusal the first error reply
	// to one, and tried how many there were when the transaction was last sent.
	without []command
	refusal error
	tried   int
	// alone: SLAVEOF was refused within the transaction, so there is none.
	alone bool
	// noMulti and refused are the error replies to MULTI and to SLAVEOF.
	noMulti, refused error
}

// companions are what goes with SLAVEOF, in this order.
var companions = [...]struct {
	command command
	name    string
	args    []any
}{
	{askRewrite, "CONFIG", []any{"REWRITE"}},
	{askKillNormal, "CLIENT", []any{"KILL", "TYPE", "normal"}},
	{askKillPubsub, "CLIENT", []any{"KILL", "TYPE", "pubsub"}},
}

// ask writes the order's commands.
func (o *order) ask(w *codec, rename func(string) string) {
	slaveof := []any{"NO", "ONE"}
	if !o.Target.IsZero() {
		slaveof = []any{o.Target.Host, strconv.Itoa(o.Target.Port)}
	}
	ask := func(c command, name string, args ...any) {
		w.ask(question{command: c, order: o}, rename(name), args...)
	}
	if o.tried = len(o.without); o.tried == len(companions) {
		ask(askPlainSlaveof, "SLAVEOF", slaveof...)
	} else {
		if !o.alone {
			ask(askMulti, "MULTI")
		}
		ask(askSlaveof, "SLAVEOF", slaveof...)
		for _, c := range companions {
			if !slices.Contains(o.without, c.command) {
				ask(c.command, c.name, c.args...)
			}
		}
		ask(askExec, "EXEC") // without MULTI it is refused, and still the last reply
	}
	if o.Probe {
		w.ask(question{command: askReplication}, rename("INFO"), "replication")
	}
}

// answer takes in one reply. At the last one it returns true and the result: nil
// if the server now follows whom it was told to.
func (o *order) answer(c command, value any, refusal redis.Error) (bool, error) {
	var err error
	if refusal != "" {
		err = refusal
	}
	switch c {
	case askMulti:
		o.noMulti = err
	case askSlaveof:
		o.refused = err
	case askRewrite, askKillNormal, askKillPubsub:
		if err == nil {
			break
		}
		if o.without = append(o.without, c); o.refusal == nil {
			o.refusal = err
		}
	case askExec:
		return true, o.result(value, err)
	case askPlainSlaveof:
		return true, err
	}
	return false, nil
}

// result judges the transaction by the reply to EXEC.
func (o *order) result(exec any, err error) error {
	switch {
	case o.noMulti != nil, o.alone, o.refused != nil:
		return o.refused
	case err != nil:
		return err
	}
	results, _ := exec.([]any)
	if len(results) == 0 {
		return fmt.Errorf("EXEC was answered with %.100q instead of the results", fmt.Sprint(exec))
	}
	if refused, ok := results[0].(redis.Error); ok {
		return refused
	}
	return nil
}

// fallBack reports whether the order is to be sent again in another form: the
// transaction was discarded because of some of its companions, or because SLAVEOF
// may not be in one. What the server does not permit us it will not permit alone.
func (o *order) fallBack(c command, exec redis.Error) bool {
	discarded := c == askExec && strings.HasPrefix(string(exec), "EXECABORT")
	switch {
	case !discarded, o.noMulti != nil, o.alone:
		return false
	case o.refused != nil:
		o.alone = !keepsOut(redis.Error(o.refused.Error())) && !hasPrefix(o.refused.Error(), "NOPERM")
		return o.alone
	}
	return len(o.without) > o.tried
}
