package zk

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// maxNode is how many bytes a node of ours holds at most. ZooKeeper closes
	// the connection at 1 MiB, without saying why.
	maxNode = 1_000_000
	// compressFrom is from where on an entry is compressed.
	compressFrom = 64 << 10
)

// encodeEntry makes an entry of the log out of encoded mutations: a list in
// JSON, compressed if it is long.
func encodeEntry(mutations [][]byte) ([]byte, error) {
	text := append([]byte("["), bytes.Join(mutations, []byte(",\n"))...)
	text = append(text, ']')
	if len(text) < compressFrom {
		return text, nil
	}
	packed, err := pack(text)
	if err == nil && len(packed) > maxNode {
		err = fmt.Errorf("the mutation takes %d bytes, compressed; ZooKeeper takes %d", len(packed), maxNode)
	}
	return packed, err
}

// decodeEntry is the reverse of encodeEntry.
func decodeEntry(data []byte) ([]json.RawMessage, error) {
	text := data
	if !bytes.HasPrefix(data, []byte("[")) {
		var err error
		if text, err = unpack(data); err != nil {
			return nil, err
		}
	}
	var mutations []json.RawMessage
	if err := json.Unmarshal(text, &mutations); err != nil {
		return nil, err
	}
	return mutations, nil
}

func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
