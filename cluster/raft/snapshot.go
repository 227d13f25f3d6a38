package raft

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"redis-failover/cluster/state"
)

// A snapshot is a magic with the version of this format, the length of the
// document, its SHA-256, and the document as the codec writes it. The engine has
// checksums of its own, over its blocks; ours also covers what it does between.

const (
	snapshotMagic = "rffodoc\x01"
	snapshotHead  = len(snapshotMagic) + 8 + sha256.Size
	// maxSnapshot bounds what a damaged length can make us read: a document of
	// 10,000 masters has some 40 MB.
	maxSnapshot = 4 << 30
)

func writeSnapshot(w io.Writer, doc *state.State) error {
	text, err := state.EncodeState(doc)
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	head := make([]byte, 0, snapshotHead)
	head = append(head, snapshotMagic...)
	head = binary.BigEndian.AppendUint64(head, uint64(len(text)))
	sum := sha256.Sum256(text)
	head = append(head, sum[:]...)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func readSnapshot(r io.Reader) (*state.State, error) {
	head := make([]byte, snapshotHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("the snapshot begins with %q, this build knows %q", head[:len(snapshotMagic)], snapshotMagic)
	}
	size := binary.BigEndian.Uint64(head[len(snapshotMagic):])
	if size > maxSnapshot {
		return nil, fmt.Errorf("the snapshot claims %d bytes; %d is the most", size, int64(maxSnapshot))
	}
	var text bytes.Buffer
	if _, err := io.CopyN(&text, r, int64(size)); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if sum := sha256.Sum256(text.Bytes()); !bytes.Equal(sum[:], head[snapshotHead-sha256.Size:]) {
		return nil, errors.New("the snapshot is damaged: its checksum does not fit")
	}
	return state.DecodeState(text.Bytes())
}
