package standalone

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

// slowSync is how long an fsync may take before it is worth a line in the log:
// every change waits for one, and failovers are made of changes.
const slowSync = 250 * time.Millisecond

// store is the files of an open folder: the log that is being written, and what
// it takes to never lose what was made durable nor to bring back what was
// refused. Only the writer's goroutine calls it.
//
// When a write fails (full disk), the log is cut back to its last good end and
// the cut is made durable. When an fsync fails, that is done as well, but the
// log is not written to again: after a failed fsync Linux marks the pages clean
// that it could not write, a second fsync says "success" and the data is not on
// the disk (the "fsyncgate" of PostgreSQL, 2018: https://lwn.net/Articles/752063/).
// Nothing that the kernel holds of this file can be trusted any more, and what
// we hold in memory can: so the store goes on in a new log behind a new snapshot.
type store struct {
	disk disk
	id   state.MemberID
	log  *slog.Logger

	// file is the log being written, nil when there is none to write to.
	file    file
	salt    uint64
	base    state.Index // the log's first change comes after it
	end     int64       // offset behind the last durable record
	entries int         // in this log

	// distrust is why file must not be written to again; nil while it may.
	distrust error
	// unsettled: there may be a record on the disk that was neither
	// acknowledged nor refused. A new generation settles it.
	unsettled bool
	// snapshot is the newest snapshot that is durable, snapshotSize its bytes.
	snapshot     state.Index
	snapshotSize int64
	// reachable: without the present log, the files lead exactly to base.
	reachable bool
	// beside is the name of the snapshot that is being written beside the log,
	// "" for none.
	beside string
}

// writeDurable makes a complete file and gives it its name. The file stays open
// for more. What its name was before is there until the directory is synced.
func (s *store) writeDurable(name string, content []byte) (file, error) {
	f, err := writeUnnamed(s.disk, name, content)
	if err != nil {
		return nil, err
	}
	if err := s.disk.Rename(name+tmpSuffix, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeUnnamed makes a complete, durable file under its temporary name.
func writeUnnamed(d disk, name string, content []byte) (file, error) {
	f, err := d.Create(name + tmpSuffix)
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(content, 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		// On a full disk the space is needed.
		return nil, errors.Join(err, f.Close(), d.Remove(name+tmpSuffix))
	}
	return f, nil
}

// createLog makes an empty, durable log that begins behind base. It does not
// switch to it.
func (s *store) createLog(base state.Index) (file, uint64, error) {
	h := newHeader(logMagic, s.id, base)
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	h.salt = binary.LittleEndian.Uint64(random[:])
	f, err := s.writeDurable(logName(base), h.encode())
	if err != nil {
		return nil, 0, err
	}
	if err := s.disk.SyncDir(); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, h.salt, nil
}

// use makes f the log that is written to.
func (s *store) use(f file, salt uint64, base state.Index, end int64, entries int) {
	s.closeFile()
	s.file, s.salt, s.base, s.end, s.entries = f, salt, base, end, entries
	s.distrust, s.unsettled = nil, false
}

func (s *store) closeFile() {
	if s.file == nil {
		return
	}
	// All that counts in it is durable already.
	if err := s.file.Close(); err != nil {
		s.log.Warn("closing a log failed", "file", logName(s.base), "error", err)
	}
	s.file = nil
}

// adopt takes over the files of an earlier life. The logs are written anew: what
// was read may come from the page cache of a file whose last fsync failed, and
// then it would be lost with the next power cut, under changes that were
// acknowledged since. It also cuts off a torn end.
func (s *store) adopt(r *recovered) error {
	s.snapshot, s.snapshotSize = r.snapshot, r.snapshotSize
	for i, seg := range r.chain {
		if seg.torn != "" {
			s.log.Warn("cut off an unfinished write at the end of the log; it was never acknowledged",
				"file", seg.name, "offset", seg.end, "bytes", int64(len(seg.data))-seg.end, "found", seg.torn)
		}
		f, err := s.writeDurable(seg.name, seg.rebuild())
		if err != nil {
			return err
		}
		if i < len(r.chain)-1 {
			if err := f.Close(); err != nil {
				return err
			}
			continue
		}
		s.use(f, seg.head.salt, seg.head.index, seg.end, len(seg.entries))
	}
	if err := s.disk.SyncDir(); err != nil {
		return err
	}
	s.reachable = true
	s.clean()
	return nil
}

// renew begins a new generation with the document as it is in memory: a new log
// and, unless the files lead there already, a snapshot. The rename of the
// snapshot (or, without one, of the log) is the moment at which the old log, with
// whatever may be at its end, stops to count.
func (s *store) renew(doc *state.State) error {
	f, salt, err := s.createLog(doc.Index)
	if err != nil {
		return fmt.Errorf("new log: %w", err)
	}
	if !s.reachable || doc.Index != s.base {
		if err := s.writeSnapshot(doc); err != nil {
			return errors.Join(fmt.Errorf("new snapshot: %w", err), f.Close())
		}
	}
	s.use(f, salt, doc.Index, headerSize, 0)
	s.reachable = true
	s.clean()
	return nil
}

func (s *store) writeSnapshot(doc *state.State) error {
	content, err := encodeSnapshot(s.id, doc)
	if err != nil {
		return err
	}
	f, err := s.writeDurable(snapshotName(doc.Index), content)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), s.disk.SyncDir()); err != nil {
		return err
	}
	s.snapshot, s.snapshotSize = doc.Index, int64(len(content))
	return nil
}

// append makes a record durable. If it fails and settled is true, the record is
// not on the disk and never will be; if settled is false, it may be found there
// at the next start, until renew has succeeded.
func (s *store) append(kind recordKind, entries [][]byte) (settled bool, err error) {
	record := encodeRecord(s.salt, kind, s.base+state.Index(s.entries)+1, entries)
	if _, err := s.file.WriteAt(record, s.end); err != nil {
		return s.takeBack(err)
	}
	start := time.Now()
	if err := s.file.Sync(); err != nil {
		s.distrust = fmt.Errorf("fsync of %s failed: %w", logName(s.base), err)
		return s.takeBack(err)
	}
	if d := time.Since(start); d > slowSync {
		s.log.Warn("a slow fsync delayed changes", "file", logName(s.base), "took", d)
	}
	s.end += int64(len(record))
	if kind == recordEntries {
		s.entries += len(entries)
	}
	return true, nil
}

// takeBack cuts off a record that could not be made durable. The new length is
// metadata, which the file system journals: if this fsync succeeds, the length
// is durable, whatever became of the pages behind it.
func (s *store) takeBack(cause error) (settled bool, err error) {
	err = s.file.Truncate(s.end)
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		return true, cause
	}
	s.unsettled = true
	s.distrust = fmt.Errorf("cutting back %s failed: %w", logName(s.base), err)
	return false, fmt.Errorf("%w (and taking the write back failed: %w)", cause, err)
}

// roll ends the present log and goes on in a new one, so that a snapshot of the
// document can be made beside it. First the new log, then the seal: a new log
// without a seal before it is empty and does no harm, a seal without a log behind
// it would be a loss.
func (s *store) roll() error {
	next := s.base + state.Index(s.entries)
	f, salt, err := s.createLog(next)
	if err != nil {
		return err
	}
	if _, err := s.append(recordSeal, nil); err != nil {
		return errors.Join(err, f.Close())
	}
	s.use(f, salt, next, headerSize, 0)
	return nil
}

// adoptSnapshot gives a snapshot that was written beside the log its name, and
// deletes what it makes superfluous.
func (s *store) adoptSnapshot(index state.Index, size int64) error {
	name := snapshotName(index)
	if index <= s.snapshot { // renew was faster
		s.clean()
		return nil
	}
	if err := s.disk.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	if err := s.disk.SyncDir(); err != nil {
		return err
	}
	s.snapshot, s.snapshotSize = index, size
	s.clean()
	return nil
}

// clean deletes the files that the durable snapshot has made superfluous, and
// what interrupted writes have left. A failure is no harm but the space.
//
// While a new generation is needed nothing is deleted: an attempt at one may have
// got as far as its snapshot, and a start would then look for the log beside it,
// which until then seems to be a leftover.
func (s *store) clean() {
	if s.distrust != nil {
		return
	}
	l, err := list(s.disk)
	if err != nil {
		s.log.Warn("superfluous files were not deleted", "error", err)
		return
	}
	for _, name := range l.superfluous(s.snapshot, s.base, s.beside) {
		if err := s.disk.Remove(name); err != nil {
			s.log.Warn("a superfluous file was not deleted", "file", name, "error", err)
		}
	}
}

// superfluous lists what may be deleted while the log of base is written to: all
// before the snapshot, logs that nothing leads to, and unfinished files but the
// one that is being written.
func (l listing) superfluous(snapshot, base state.Index, beside string) []string {
	var names []string
	for _, i := range l.snapshots {
		if i < snapshot {
			names = append(names, snapshotName(i))
		}
	}
	for _, i := range l.logs {
		if i < snapshot || i > base {
			names = append(names, logName(i))
		}
	}
	for _, name := range l.unfinished {
		if name != beside+tmpSuffix {
			names = append(names, name)
		}
	}
	return names
}
