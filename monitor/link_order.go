package monitor

import (
	"fmt"
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
// one of the others the transaction is discarded, and SLAVEOF goes out again
// alone.
//
// The fields below Reconfigure are of the goroutine that reads, and while the
// order is in an outbox of whoever holds link.mu.
type order struct {
	Reconfigure
	// plain: SLAVEOF alone.
	plain bool
	// noMulti and refused are the error replies to MULTI and to SLAVEOF, other
	// the first one to another command of the transaction.
	noMulti, refused, other error
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
	if o.plain {
		ask(askPlainSlaveof, "SLAVEOF", slaveof...)
	} else {
		ask(askMulti, "MULTI")
		ask(askSlaveof, "SLAVEOF", slaveof...)
		ask(askQueued, "CONFIG", "REWRITE")
		ask(askQueued, "CLIENT", "KILL", "TYPE", "normal")
		ask(askQueued, "CLIENT", "KILL", "TYPE", "pubsub")
		ask(askExec, "EXEC")
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
	case askQueued:
		if o.other == nil {
			o.other = err
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
	case o.noMulti != nil, o.refused != nil:
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

// fallBack reports whether the order is to be sent again as a plain SLAVEOF: the
// transaction was discarded, and not because of its SLAVEOF.
func (o *order) fallBack(c command, exec redis.Error) bool {
	discarded := c == askExec && strings.HasPrefix(string(exec), "EXECABORT")
	if !discarded || o.noMulti != nil || o.refused != nil || o.other == nil {
		return false
	}
	o.plain = true
	return true
}
