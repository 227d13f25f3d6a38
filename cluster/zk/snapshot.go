package zk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// headNode says where the document begins: at a snapshot, behind which the log
// goes on. Without such a node it begins with nothing.
type headNode struct {
	// Place is the first one that is not in the snapshot.
	Place place `json:"place"`
	// Index is that of the document in the snapshot.
	Index state.Index `json:"index"`
	// Snapshot is the name of the directory, "" for none; Chunks is how many
	// nodes it has, Bytes how long they are together, and SHA256 their sum.
	Snapshot string `json:"snapshot"`
	Chunks   int    `json:"chunks"`
	Bytes    int    `json:"bytes"`
	SHA256   string `json:"sha256"`

	version int32
	exists  bool
}

// chunkSize is the size of the nodes of a snapshot: half of what ZooKeeper takes.
const chunkSize = 512 << 10

// readHead learns where the document begins.
func (s *stint) readHead() (*headNode, error) {
	found, err := s.get(s.at.head())
	head, err := parseHead(found, err)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.at.head(), err)
	}
	s.head.Store(head)
	return head, nil
}

func parseHead(found node, err error) (*headNode, error) {
	if errors.Is(err, zk.ErrNoNode) {
		return &headNode{}, nil
	}
	if err != nil {
		return nil, err
	}
	head := &headNode{version: found.stat.Version, exists: true}
	return head, decodeNode(found.data, head)
}

// watchHead keeps the head up to date.
func (s *stint) watchHead() error {
	for {
		found, err := s.existsW(s.at.head())
		if err != nil {
			return err
		}
		if found.exists {
			if _, err := s.readHead(); err != nil {
				return err
			}
		}
		select {
		case <-found.changed:
		case <-s.ctx.Done():
			return nil
		}
	}
}

// atOnce is how many nodes are read or written at the same time.
const atOnce = 16

// each does something n times, several at once, and returns an error if there
// was one.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var work sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		work.Go(func() {
			errs[i] = f(i)
			<-slots
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads the snapshot that the head names.
func (s *stint) load() (*state.State, place, error) {
	for {
		head, err := s.readHead()
		if err != nil {
			return nil, place{}, err
		}
		if head.Snapshot == "" {
			return state.New(), head.Place, nil
		}
		doc, err := s.loadSnapshot(head)
		if errors.Is(err, zk.ErrNoNode) {
			// Another one has taken its place meanwhile, or else it is lost.
			if newer, headErr := s.readHead(); headErr == nil && newer.Snapshot != head.Snapshot {
				continue
			}
		}
		if err != nil {
			return nil, place{}, fmt.Errorf("the snapshot %s: %w", s.at.snapshot(head.Snapshot), err)
		}
		return doc, head.Place, nil
	}
}

func (s *stint) loadSnapshot(head *headNode) (*state.State, error) {
	chunks := make([][]byte, head.Chunks)
	err := each(head.Chunks, func(i int) error {
		found, err := s.get(s.at.chunk(head.Snapshot, i))
		chunks[i] = found.data
		return err
	})
	if err != nil {
		return nil, err
	}
	var packed []byte
	for _, c := range chunks {
		packed = append(packed, c...)
	}
	if sum := sumOf(packed); len(packed) != head.Bytes || sum != head.SHA256 {
		return nil, fmt.Errorf("it has %d bytes with the sum %s, and should have %d with %s", len(packed), sum, head.Bytes, head.SHA256)
	}
	text, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	doc, err := state.DecodeState(text)
	if errors.As(err, new(state.ErrNewerSchema)) {
		return nil, fmt.Errorf("%w: %w", ErrTooOld, err)
	}
	return doc, err
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// save writes a snapshot and makes it the one to begin with. It does nothing if
// somebody else has done so meanwhile.
func (s *stint) save(doc *state.State, at place) error {
	old := s.head.Load()
	text, err := state.EncodeState(doc)
	if err != nil {
		return err
	}
	packed, err := pack(text)
	if err != nil {
		return err
	}
	head := headNode{
		Place: at, Index: doc.Index, Bytes: len(packed), SHA256: sumOf(packed),
		Snapshot: fmt.Sprintf("%010d-%010d-%s", at.Generation, at.Next, randomHex(4)),
		Chunks:   (len(packed) + chunkSize - 1) / chunkSize,
	}
	if err := s.create(s.at.snapshot(head.Snapshot), []byte{}, 0, s.acl()); err != nil {
		return err
	}
	err = each(head.Chunks, func(i int) error {
		chunk := packed[i*chunkSize : min(len(packed), (i+1)*chunkSize)]
		return s.create(s.at.chunk(head.Snapshot, i), chunk, 0, s.acl())
	})
	if err != nil {
		return err
	}
	var op any = &zk.CreateRequest{Path: s.at.head(), Data: encodeNode(head), Acl: s.acl()}
	if old.exists {
		op = &zk.SetDataRequest{Path: s.at.head(), Data: encodeNode(head), Version: old.version}
	}
	if _, err = s.fenced(op); err != nil {
		return err
	}
	if _, err := s.readHead(); err != nil {
		return err
	}
	s.b.log.Debug("a snapshot was written to ZooKeeper", "index", doc.Index, "bytes", len(text), "packed", len(packed))
	return s.removeSnapshots(old.Snapshot)
}

// removeSnapshots removes those that are older than the present one, but for
// the last: somebody may be reading it.
func (s *stint) removeSnapshots(last string) error {
	names, err := s.children(s.at.snapshots())
	if err != nil {
		return err
	}
	present := s.head.Load().Snapshot
	for _, name := range names {
		// The names sort by place.
		if name == last || strings.Compare(name, present) >= 0 {
			continue
		}
		chunks, err := s.children(s.at.snapshot(name))
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			return err
		}
		for _, c := range chunks {
			if err := s.delete(s.at.snapshot(name)+"/"+c, anyVersion); err != nil && !errors.Is(err, zk.ErrNoNode) {
				return err
			}
		}
		err = s.delete(s.at.snapshot(name), anyVersion)
		if err != nil && !errors.Is(err, zk.ErrNoNode) && !errors.Is(err, zk.ErrNotEmpty) {
			return err
		}
	}
	return nil
}
