package zk

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// baseNode is what the node at the base path says: whose it is, and which build
// can read what is below.
type baseNode struct {
	Product string `json:"product"`
	// Format is that of what is below.
	Format int `json:"format"`
	// Schema is the one that is in force in the document, as far as this node was
	// told: see state.SchemaVersion.
	Schema int `json:"schema"`
	// ID tells this document from another that is founded at the same path.
	ID string `json:"id"`
	// GenerationEntries is how many entries a directory of the log holds.
	GenerationEntries int `json:"generation_entries"`
}

const (
	product    = "redis-failover"
	baseFormat = 1
)

// ownNode is what a node keeps in ZooKeeper for good.
type ownNode struct {
	ID state.MemberID `json:"id"`
	// Life is drawn at each start.
	Life string `json:"life"`
}

func encodeNode(v any) []byte {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err) // plain structures of this package
	}
	return text
}

func decodeNode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("it holds something else than expected: %w", err)
	}
	return nil
}

// acl is that of what only nodes of redis-failover need.
func (s *stint) acl() []zk.ACL {
	if s.b.options.Auth == "" {
		return zk.WorldACL(zk.PermAll)
	}
	// The server puts in who this connection has proved to be.
	return zk.AuthACL(zk.PermAll)
}

// viewACL is that of what others may read.
func (s *stint) viewACL() []zk.ACL {
	if s.b.options.Auth == "" {
		return zk.WorldACL(zk.PermAll)
	}
	return append(zk.AuthACL(zk.PermAll), zk.WorldACL(zk.PermRead)...)
}

// findBase makes sure that the path holds a document that this build knows, the
// same as in earlier stints, and founds it where there is nothing.
func (s *stint) findBase() error {
	for {
		found, err := s.get(s.at.base)
		switch {
		case errors.Is(err, zk.ErrNoNode), err == nil && len(found.data) == 0:
			if s.b.document != "" {
				return fmt.Errorf("%w: %s was emptied; this node ends, and founds it anew when it is started again", ErrForeign, s.at.base)
			}
			if err := s.found(err == nil, found.stat.Version); err != nil {
				return fmt.Errorf("%s cannot be made: %w", s.at.base, err)
			}
		case err != nil:
			return fmt.Errorf("%s: %w", s.at.base, err)
		default:
			return s.adopt(found)
		}
	}
}

func (s *stint) adopt(found node) error {
	var base baseNode
	if err := json.Unmarshal(found.data, &base); err != nil || base.Product != product {
		return fmt.Errorf("%w: %s holds something else: give another path", ErrForeign, s.at.base)
	}
	switch {
	case base.Format > baseFormat:
		return fmt.Errorf("%w: %s has the format %d, this build knows %d: start the build that the other nodes run", ErrTooOld, s.at.base, base.Format, baseFormat)
	case base.Schema > state.SchemaVersion:
		return fmt.Errorf("%w: %w", ErrTooOld, state.ErrNewerSchema{Found: base.Schema, Known: state.SchemaVersion})
	case base.GenerationEntries < 1:
		return fmt.Errorf("%w: %s says that a directory of the log holds %d entries", ErrForeign, s.at.base, base.GenerationEntries)
	case s.b.document != "" && s.b.document != base.ID:
		return fmt.Errorf("%w: %s holds another document than before; this node ends, and takes that one over when it is started again", ErrForeign, s.at.base)
	}
	s.b.document = base.ID
	s.b.reader.setLimit(base.GenerationEntries)
	return nil
}

// found makes the base with all that is needed below it, at once, unless somebody
// is quicker.
func (s *stint) found(there bool, version int32) error {
	base := encodeNode(baseNode{
		Product: product, Format: baseFormat, Schema: 1, ID: randomHex(16), GenerationEntries: s.b.options.GenerationEntries,
	})
	var ops []any
	if there {
		ops = append(ops, &zk.SetDataRequest{Path: s.at.base, Data: base, Version: version})
	} else {
		if err := s.makeParents(); err != nil {
			return err
		}
		ops = append(ops, &zk.CreateRequest{Path: s.at.base, Data: base, Acl: s.viewACL()})
	}
	for _, p := range []string{s.at.log(), s.at.generation(0), s.at.snapshots(), s.at.nodes()} {
		ops = append(ops, &zk.CreateRequest{Path: p, Data: []byte{}, Acl: s.acl()})
	}
	for _, p := range []string{s.at.view(), s.at.viewMasters(), s.at.viewMembers()} {
		ops = append(ops, &zk.CreateRequest{Path: p, Data: []byte{}, Acl: s.viewACL()})
	}
	_, err := s.multi(ops...)
	switch {
	case err == nil:
		s.b.log.Info("a new document was founded in ZooKeeper", "path", s.at.base)
		return nil
	case errors.Is(err, zk.ErrBadVersion), errors.Is(err, zk.ErrNodeExists) && !there:
		return nil // the next look shows what there is
	case errors.Is(err, zk.ErrNodeExists):
		return fmt.Errorf("%w: %s has children of names that are needed, which are not ours: give another path", ErrForeign, s.at.base)
	}
	return err
}

// makeParents makes the nodes above the base, open to everybody as those that
// ZooKeeper's own tools make: they belong to nobody.
func (s *stint) makeParents() error {
	var missing []string
	for p := path.Dir(s.at.base); p != "/"; p = path.Dir(p) {
		missing = append(missing, p)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		exists, err := s.exists(missing[i])
		if err == nil && !exists {
			err = s.create(missing[i], []byte{}, 0, zk.WorldACL(zk.PermAll))
		}
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("%s: %w", missing[i], err)
		}
	}
	return nil
}
