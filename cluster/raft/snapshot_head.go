package raft

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/lni/dragonboat/v4/raftpb"
)

// The engine's snapshot files begin with a head of 1,024 bytes: the size of a
// message, the message, its CRC-32 (four zeros for none), and nothing. Behind it
// comes what this package writes, in blocks with checksums.

const (
	snapshotSuffix   = ".gbsnap"
	snapshotHeadSize = 1024
)

var errDamagedSnapshot = errors.New("the snapshot file is damaged")

// checkSnapshotHead returns an error for a head that the engine would not survive.
func checkSnapshotHead(f io.ReaderAt) error {
	head := make([]byte, snapshotHeadSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		return errors.Join(errDamagedSnapshot, err)
	}
	size := binary.LittleEndian.Uint64(head)
	if size > snapshotHeadSize-12 {
		return errDamagedSnapshot
	}
	text, sum := head[8:8+size], binary.BigEndian.Uint32(head[8+size:])
	var message raftpb.SnapshotHeader
	if message.Unmarshal(text) != nil || sum != 0 && sum != crc32.ChecksumIEEE(text) {
		return errDamagedSnapshot
	}
	return nil
}
