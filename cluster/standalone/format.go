package standalone

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"redis-failover/cluster/state"
)

// The two kinds of file, all numbers little-endian. DESIGN.md has the same as
// tables and the reasons.
//
//	file   = header (128 bytes), then for a snapshot its payload, for a log records
//	record = record header (32 bytes), payload
//
// One record is one group commit: what was handed to a single fsync. That is
// why only the last record of a log can be torn: the next one is written after
// the fsync of the one before.
const (
	// formatVersion is the layout of the files. The header's place, size and
	// checksum are the same in all versions, so that every build can tell a
	// newer file from a damaged one.
	formatVersion = 1

	headerSize       = 128
	recordHeaderSize = 32

	// sectorSize is the least that a disk writes as a whole.
	sectorSize = 512

	// maxEntry bounds one mutation. The largest that we make, votes on 10,000
	// masters, has some 700 KB; Propose refuses above the bound, so that a
	// record's length always fits its field.
	maxEntry = 16 << 20
)

var (
	logMagic      = [8]byte{'R', 'F', 'O', '-', 'L', 'O', 'G', '\n'}
	snapshotMagic = [8]byte{'R', 'F', 'O', '-', 'S', 'N', 'P', '\n'}

	// recordMagic begins a record. Its outer bytes occur in no UTF-8 text, and
	// so in no payload.
	recordMagic = [4]byte{0xF8, 'r', 'f', 0xFE}

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header begins every file.
type header struct {
	magic   [8]byte
	format  uint32
	schema  uint32
	index   state.Index // the last mutation before this log, or in this snapshot
	salt    uint64      // log: random, part of its records' checksums
	length  uint64      // snapshot: bytes of payload
	sum     uint32      // snapshot: checksum of the payload
	idBytes [40]byte
}

func (h header) id() state.MemberID { return state.MemberID(h.idBytes[:]) }

func newHeader(magic [8]byte, id state.MemberID, index state.Index) header {
	h := header{magic: magic, format: formatVersion, schema: state.SchemaVersion, index: index}
	copy(h.idBytes[:], id)
	return h
}

func (h header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, h.magic[:])
	binary.LittleEndian.PutUint32(b[8:], h.format)
	binary.LittleEndian.PutUint32(b[12:], h.schema)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.index))
	binary.LittleEndian.PutUint64(b[24:], h.salt)
	binary.LittleEndian.PutUint64(b[32:], h.length)
	binary.LittleEndian.PutUint32(b[40:], h.sum)
	copy(b[44:], h.idBytes[:])
	binary.LittleEndian.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return b
}

// decodeHeader reads and judges the header of the file called name, which must
// be of that kind and begin at the index that its name says.
func decodeHeader(name string, data []byte, magic [8]byte, index state.Index) (header, error) {
	if len(data) < headerSize {
		return header{}, corrupt(name, int64(len(data)), "the file ends inside its %d-byte header", headerSize)
	}
	h := header{
		format: binary.LittleEndian.Uint32(data[8:]),
		schema: binary.LittleEndian.Uint32(data[12:]),
		index:  state.Index(binary.LittleEndian.Uint64(data[16:])),
		salt:   binary.LittleEndian.Uint64(data[24:]),
		length: binary.LittleEndian.Uint64(data[32:]),
		sum:    binary.LittleEndian.Uint32(data[40:]),
	}
	copy(h.magic[:], data)
	copy(h.idBytes[:], data[44:])
	switch {
	case !bytes.HasPrefix(data, magic[:4]):
		return h, corrupt(name, 0, "it begins with %q, so it is no file of redis-failover, or its header is damaged", data[:8])
	case crc32.Checksum(data[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(data[headerSize-4:]):
		return h, corrupt(name, 0, "the checksum of the header is wrong")
	case h.magic != magic:
		return h, corrupt(name, 0, "it is a file of another kind (%q)", h.magic[:])
	case h.format > formatVersion:
		return h, &NewerError{File: name, What: "format", Found: int(h.format), Known: formatVersion}
	case h.schema > state.SchemaVersion:
		return h, &NewerError{File: name, What: "schema", Found: int(h.schema), Known: state.SchemaVersion}
	case h.index != index:
		return h, corrupt(name, 16, "the header says index %d, the name another", h.index)
	case checkID(h.id()) != nil:
		return h, corrupt(name, 44, "the header holds no member id")
	}
	return h, nil
}

// checkID says what is wrong with a member id.
func checkID(id state.MemberID) error {
	if len(id) == 40 && len(bytes.Trim([]byte(id), "0123456789abcdef")) == 0 {
		return nil
	}
	return fmt.Errorf("member id %q is not 40 lower-case hex digits", id)
}

// recordKind says what a record holds.
type recordKind uint8

const (
	// recordEntries holds mutations.
	recordEntries recordKind = 1
	// recordSeal ends a log: the next log begins at the same index.
	recordSeal recordKind = 2
	// recordBlank holds nothing of meaning: it shows that the disk takes
	// writes again.
	recordBlank recordKind = 3
)

// recordHeader begins every record.
type recordHeader struct {
	kind   recordKind
	length uint32      // bytes of payload
	count  uint32      // mutations in it
	first  state.Index // of the first of them, or of the next one to come
	sum    uint32      // checksum of the payload
}

// sumSalted is the checksum of records: CRC32C over the log's salt and the
// data. The salt keeps a record of an older file, whose blocks the file system
// hands out again, from ever being taken for one of this file.
func sumSalted(salt uint64, data []byte) uint32 {
	var s [8]byte
	binary.LittleEndian.PutUint64(s[:], salt)
	return crc32.Update(crc32.Checksum(s[:], castagnoli), castagnoli, data)
}

// encodeRecord writes one record. Each entry is at most maxEntry long, and the
// caller keeps their sum below 4 GB.
func encodeRecord(salt uint64, kind recordKind, first state.Index, entries [][]byte) []byte {
	size := recordHeaderSize
	for _, e := range entries {
		size += 4 + len(e)
	}
	b := make([]byte, recordHeaderSize, size)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e)))
		b = append(b, e...)
	}
	copy(b, recordMagic[:])
	b[4] = byte(kind)
	binary.LittleEndian.PutUint32(b[8:], uint32(size-recordHeaderSize))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(entries)))
	binary.LittleEndian.PutUint64(b[16:], uint64(first))
	binary.LittleEndian.PutUint32(b[24:], sumSalted(salt, b[recordHeaderSize:]))
	binary.LittleEndian.PutUint32(b[28:], sumSalted(salt, b[:28]))
	return b
}

// decodeRecordHeader reads a record header and reports whether it is intact.
func decodeRecordHeader(salt uint64, data []byte) (recordHeader, bool) {
	if len(data) < recordHeaderSize || !bytes.HasPrefix(data, recordMagic[:]) ||
		sumSalted(salt, data[:28]) != binary.LittleEndian.Uint32(data[28:]) {
		return recordHeader{}, false
	}
	return recordHeader{
		kind:   recordKind(data[4]),
		length: binary.LittleEndian.Uint32(data[8:]),
		count:  binary.LittleEndian.Uint32(data[12:]),
		first:  state.Index(binary.LittleEndian.Uint64(data[16:])),
		sum:    binary.LittleEndian.Uint32(data[24:]),
	}, true
}

// splitEntries cuts the payload of a record into its mutations. The checksum
// was right, so a mismatch here means a fault in the program that wrote it.
func splitEntries(payload []byte, count uint32) ([][]byte, error) {
	var entries [][]byte
	for len(payload) > 0 {
		if len(payload) < 4 {
			return nil, fmt.Errorf("%d bytes behind the last entry", len(payload))
		}
		n := binary.LittleEndian.Uint32(payload)
		if n > math.MaxInt32 || int(n) > len(payload)-4 {
			return nil, fmt.Errorf("an entry of %d bytes in the last %d bytes", n, len(payload)-4)
		}
		entries = append(entries, payload[4:4+n])
		payload = payload[4+n:]
	}
	if len(entries) != int(count) {
		return nil, fmt.Errorf("%d entries where the header says %d", len(entries), count)
	}
	return entries, nil
}

// encodeSnapshot writes a whole snapshot file.
func encodeSnapshot(id state.MemberID, s *state.State) ([]byte, error) {
	payload, err := state.EncodeState(s)
	if err != nil {
		return nil, err
	}
	h := newHeader(snapshotMagic, id, s.Index)
	h.length = uint64(len(payload))
	h.sum = crc32.Checksum(payload, castagnoli)
	return append(h.encode(), payload...), nil
}

// decodeSnapshot reads what encodeSnapshot wrote.
func decodeSnapshot(name string, data []byte, index state.Index) (state.MemberID, *state.State, error) {
	h, err := decodeHeader(name, data, snapshotMagic, index)
	if err != nil {
		return "", nil, err
	}
	payload := data[headerSize:]
	if uint64(len(payload)) != h.length {
		return "", nil, corrupt(name, int64(len(data)), "the document has %d bytes, the header says %d", len(payload), h.length)
	}
	if crc32.Checksum(payload, castagnoli) != h.sum {
		return "", nil, corrupt(name, headerSize, "the checksum of the document is wrong")
	}
	s, err := state.DecodeState(payload)
	if err != nil {
		return "", nil, unreadable(name, headerSize, err)
	}
	if s.Index != index {
		return "", nil, corrupt(name, headerSize, "the document is of index %d, the header says %d", s.Index, index)
	}
	return h.id(), s, nil
}
