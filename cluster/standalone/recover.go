package standalone

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
)

// Names of files. The index is that of the last change before a log, or in a
// snapshot; its twenty digits keep `ls` in order.
const (
	logPrefix      = "log-"
	snapshotPrefix = "snapshot-"
	// tmpSuffix marks a file that is being written. It gets its name by Rename
	// when it is complete and durable.
	tmpSuffix = ".tmp"
)

func logName(i state.Index) string      { return fmt.Sprintf("%s%020d", logPrefix, i) }
func snapshotName(i state.Index) string { return fmt.Sprintf("%s%020d", snapshotPrefix, i) }

// indexOf reads the index out of a name with that prefix.
func indexOf(name, prefix string) (state.Index, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	i, err := strconv.ParseUint(digits, 10, 64)
	return state.Index(i), err == nil
}

// listing is what a folder holds, by rising index. Names that are not ours are
// left alone: a folder may be a mount point with its lost+found.
type listing struct {
	snapshots, logs []state.Index
	unfinished      []string
}

func list(d disk) (listing, error) {
	var l listing
	names, err := d.List()
	for _, name := range names {
		if i, ok := indexOf(name, snapshotPrefix); ok {
			l.snapshots = append(l.snapshots, i)
		} else if i, ok := indexOf(name, logPrefix); ok {
			l.logs = append(l.logs, i)
		} else if base, ok := strings.CutSuffix(name, tmpSuffix); ok {
			_, isLog := indexOf(base, logPrefix)
			_, isSnapshot := indexOf(base, snapshotPrefix)
			if isLog || isSnapshot {
				l.unfinished = append(l.unfinished, name)
			}
		}
	}
	slices.Sort(l.snapshots)
	slices.Sort(l.logs)
	return l, err
}

// recovered is what a folder was found to hold.
type recovered struct {
	id       state.MemberID
	state    *state.State
	snapshot state.Index
	// snapshotSize is in bytes.
	snapshotSize int64
	// chain holds the logs from the snapshot on, each but the last sealed.
	chain []*segment
}

// recoverFolder reads a folder and changes nothing in it. It returns nil for
// one that holds nothing yet.
//
// The newest snapshot is the start; the log of its index must be there, and each
// sealed log leads to the next. All else is left over from an interruption
// between two steps and is of no account, provided it holds no changes.
func recoverFolder(d disk) (*recovered, error) {
	l, err := list(d)
	if err != nil {
		return nil, err
	}
	if len(l.snapshots) == 0 {
		return nil, l.checkUnused(d)
	}
	r, err := readSnapshot(d, l)
	if err != nil {
		return nil, err
	}
	if err := r.readChain(d, l); err != nil {
		return nil, err
	}
	return r, r.replay()
}

// checkUnused makes sure that a folder without a snapshot never held a change:
// what an interrupted first start leaves is at most an empty first log.
func (l listing) checkUnused(d disk) error {
	for _, i := range l.logs {
		data, err := d.ReadFile(logName(i))
		if err != nil {
			return err
		}
		if i != 0 || len(data) > headerSize {
			return corrupt(logName(i), 0, "it continues %s, which is not there, and no other snapshot is", snapshotName(i))
		}
	}
	return nil
}

func readSnapshot(d disk, l listing) (*recovered, error) {
	newest := l.snapshots[len(l.snapshots)-1]
	name := snapshotName(newest)
	data, err := d.ReadFile(name)
	if err != nil {
		return nil, err
	}
	id, doc, err := decodeSnapshot(name, data, newest)
	if c, ok := err.(*CorruptError); ok && len(l.snapshots) > 1 {
		c.older = snapshotName(l.snapshots[len(l.snapshots)-2])
	}
	if err != nil {
		return nil, err
	}
	return &recovered{id: id, state: doc, snapshot: newest, snapshotSize: int64(len(data))}, nil
}

func (r *recovered) readChain(d disk, l listing) error {
	at := r.snapshot
	for sealed := true; sealed; {
		s, err := r.readLog(d, l, at)
		if err != nil {
			return err
		}
		r.chain = append(r.chain, s)
		at, sealed = s.last(), s.sealed
	}
	return r.checkLeftovers(d, l)
}

func (r *recovered) readLog(d disk, l listing, at state.Index) (*segment, error) {
	name := logName(at)
	if !slices.Contains(l.logs, at) {
		return nil, corrupt(name, 0, "it should hold the changes after number %d, and is not there", at)
	}
	data, err := d.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s, err := scanLog(name, data, at)
	if c, ok := err.(*CorruptError); ok {
		c.later = namesAfter(l.logs, at)
	}
	if err != nil {
		return nil, err
	}
	if s.head.id() != r.id {
		return nil, corrupt(name, 44, "it belongs to member %s, the snapshot to %s: files of two folders were mixed", s.head.id(), r.id)
	}
	return s, nil
}

func namesAfter(logs []state.Index, at state.Index) []string {
	var names []string
	for _, i := range logs {
		if i > at {
			names = append(names, logName(i))
		}
	}
	return names
}

// checkLeftovers refuses logs that hold changes and that nothing leads to. A new
// log is created before the old one is sealed, so an empty one may be there.
func (r *recovered) checkLeftovers(d disk, l listing) error {
	last := r.chain[len(r.chain)-1]
	for _, i := range l.logs {
		if i <= r.snapshot || r.holds(i) {
			continue
		}
		data, err := d.ReadFile(logName(i))
		if err != nil {
			return err
		}
		if len(data) > headerSize {
			c := last.corrupt("it ends here, at change %d, and does not lead to %s, which holds changes", last.last(), logName(i)).(*CorruptError)
			c.later = namesAfter(l.logs, last.head.index)
			return c
		}
	}
	return nil
}

func (r *recovered) holds(log state.Index) bool {
	return slices.ContainsFunc(r.chain, func(s *segment) bool { return s.head.index == log })
}

// replay applies the logs' mutations to the document.
func (r *recovered) replay() error {
	for _, s := range r.chain {
		for i, entry := range s.entries {
			index := s.head.index + state.Index(i) + 1
			m, err := state.DecodeMutation(entry)
			if err != nil {
				return unreadable(s.name, 0, fmt.Errorf("change %d: %w", index, err))
			}
			r.state, _, err = apply(r.state, index, m)
			if err != nil {
				return fmt.Errorf("%s: change %d: %w", s.name, index, err)
			}
		}
	}
	return nil
}

// apply is state.Apply, with a panic made an error. Apply must not panic; if it
// does all the same, one change is refused, instead of a node that cannot start
// any more because the change is in its log.
func apply(s *state.State, index state.Index, m state.Mutation) (next *state.State, out state.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{op: fmt.Sprintf("%T", m.Op), value: p, stack: string(debug.Stack())}
		}
	}()
	next, out = state.Apply(s, index, m)
	return next, out, nil
}

type panicError struct {
	op    string
	value any
	stack string // for the log, not for clients
}

func (e *panicError) Error() string {
	return fmt.Sprintf("applying a mutation (%s) panicked, which is a bug: %v", e.op, e.value)
}
