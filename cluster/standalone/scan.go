package standalone

import (
	"bytes"
	"fmt"

	"redis-failover/cluster/state"
)

// Reading a log back: what is whole, what is torn, what is damaged.
//
// A record is written with one write and made durable with one fsync, and
// nothing is written behind it before that fsync succeeded. So after a crash at
// most the last record may be incomplete, and an incomplete record was never
// acknowledged: it is cut off. Everything else that does not fit was durable
// once and changed later; to cut it off would silently lose acknowledged
// changes, so it is an error.
//
// A torn write and a rotten one both show as a wrong checksum at the end of the
// file. They are told apart as etcd's WAL does: a disk writes whole sectors, and
// a sector of a newly grown file that was not written reads as zeros. So a last
// record with a sector (or the part of one that belongs to it) of nothing but
// zeros is torn. Payloads are JSON, so no whole record has such a part: the one
// that begins in the record header begins with the magic or also holds payload.

// segment is one log as it was read.
type segment struct {
	name    string
	head    header
	entries [][]byte // mutations head.index+1 …
	// end is the offset behind the last whole record; data up to there is good.
	end  int64
	data []byte
	// sealed: the log was ended on purpose; another begins at last().
	sealed bool
	// torn says why the bytes behind end are an unfinished write, "" if there
	// are none.
	torn string
}

func (s *segment) last() state.Index { return s.head.index + state.Index(len(s.entries)) }

// scanLog reads the log called name, which begins behind index.
func scanLog(name string, data []byte, index state.Index) (*segment, error) {
	h, err := decodeHeader(name, data, logMagic, index)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, head: h, data: data, end: headerSize}
	for int(s.end) < len(data) && s.torn == "" {
		if s.sealed {
			return nil, s.corrupt("there is data behind the record that ended this log")
		}
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// next reads the record at end and moves end behind it, or sets torn.
func (s *segment) next() error {
	rest := s.data[s.end:]
	h, ok := decodeRecordHeader(s.head.salt, rest)
	if !ok {
		return s.badHeader(rest)
	}
	if int64(h.length) > int64(len(rest)-recordHeaderSize) {
		s.torn = fmt.Sprintf("the file ends %d bytes before the record does", int64(h.length)-int64(len(rest)-recordHeaderSize))
		return nil
	}
	payload := rest[recordHeaderSize : recordHeaderSize+int(h.length)]
	if sumSalted(s.head.salt, payload) != h.sum {
		return s.badPayload(rest, recordHeaderSize+int(h.length))
	}
	if h.first != s.last()+1 {
		return s.corrupt("a record begins at index %d where %d should follow", h.first, s.last()+1)
	}
	if err := s.take(h, payload); err != nil {
		return err
	}
	s.end += int64(recordHeaderSize) + int64(h.length)
	return nil
}

func (s *segment) take(h recordHeader, payload []byte) error {
	switch h.kind {
	case recordEntries:
		entries, err := splitEntries(payload, h.count)
		if err != nil {
			return s.corrupt("a record with a right checksum holds %s", err)
		}
		s.entries = append(s.entries, entries...)
	case recordSeal:
		s.sealed = true
	case recordBlank:
	default:
		return s.corrupt("a record with a right checksum has the kind %d, which this build does not know", h.kind)
	}
	return nil
}

// badPayload judges a record with a good header, and so a known size, whose
// payload does not fit its checksum.
func (s *segment) badPayload(rest []byte, size int) error {
	if size < len(rest) {
		return s.corrupt("the checksum of a record is wrong, and it is not the last one")
	}
	if s.zeroSector(rest) {
		s.torn = "a sector of the last record was not written"
		return nil
	}
	return s.corrupt("the checksum of the last record is wrong, and every sector of it was written")
}

// badHeader judges what is not even a record header.
func (s *segment) badHeader(rest []byte) error {
	if at := s.findRecord(rest); at >= 0 {
		return s.corrupt("a damaged record is followed by an intact one at offset %d", s.end+int64(at))
	}
	switch {
	case allZero(rest):
		s.torn = fmt.Sprintf("the last %d bytes of the file are zeros", len(rest))
	case len(rest) < recordHeaderSize && bytes.HasPrefix(rest, recordMagic[:min(len(rest), len(recordMagic))]):
		s.torn = "the file ends inside a record header"
	case len(rest) < recordHeaderSize+maxRecord && s.zeroSector(rest):
		s.torn = "a sector of the last record was not written"
	default:
		return s.corrupt("what follows is no record, and not an unfinished one either")
	}
	return nil
}

// findRecord returns the offset of an intact record header in rest, or -1. None
// can be inside of a payload: see recordMagic and sumSalted.
func (s *segment) findRecord(rest []byte) int {
	for at := 1; ; at++ {
		skip := bytes.Index(rest[min(at, len(rest)):], recordMagic[:])
		if skip < 0 {
			return -1
		}
		at += skip
		if _, ok := decodeRecordHeader(s.head.salt, rest[at:]); ok {
			return at
		}
	}
}

// zeroSector reports whether rest, which begins at offset end of the file and
// goes to its end, has a sector or its part of one that is all zeros.
func (s *segment) zeroSector(rest []byte) bool {
	n := sectorSize - int(s.end%sectorSize)
	for len(rest) > 0 {
		n = min(n, len(rest))
		if allZero(rest[:n]) {
			return true
		}
		rest, n = rest[n:], sectorSize
	}
	return false
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// corrupt is the error for damage at end.
func (s *segment) corrupt(format string, args ...any) error {
	err := corrupt(s.name, s.end, format, args...)
	err.intact = s.last()
	err.cuttable = true
	return err
}

// rebuild is the log's good part, as it is written anew.
func (s *segment) rebuild() []byte { return s.data[:s.end:s.end] }
