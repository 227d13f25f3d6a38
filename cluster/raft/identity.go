package raft

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster/datadir"
	"redis-failover/cluster/state"
)

// A member has four names, each for one purpose:
//
//   - Member, 40 hex digits, is who it is for everybody above this package.
//     It is drawn once, or given, and may be given again after a loss.
//   - Node, a UUID, is what raft's list of members says in place of an address,
//     so that addresses may change. Founders must know each other's before they
//     have met: theirs follows from the group and the founding address. A
//     joiner draws its own.
//   - Replica is raft's number for it, never given twice.
//   - Life is drawn whenever a folder is made. It tells a member from its
//     successor with an empty folder, which must not vote: see book.go.
type identity struct {
	Format  int
	Group   string `json:",omitempty"` // "" for a joiner that has not been added
	Node    string
	Member  state.MemberID
	Replica uint64 `json:",omitempty"` // 0 for a joiner that has not been added
	Life    string
	// Founders is what raft is bootstrapped with, replica to node; nil for a
	// joiner.
	Founders map[uint64]string `json:",omitempty"`

	// Addr is the address that the others were last told; Version grows with
	// each change of it.
	Addr    string
	Version uint64
	// Dir is the folder that the engine's last snapshot is known to be in, and
	// LogDir that of the log, "" for the same.
	Dir    string
	LogDir string `json:",omitempty"`
	// Started counts the starts, for mutation numbers: see nextNumbers.
	Started uint64
	// Begun: raft has run, so there is a log, and without it this member must
	// not go on.
	Begun bool `json:",omitempty"`
	// Solo: the group has no other member, as far as was known.
	Solo bool `json:",omitempty"`
	// Removed: the group has removed this member; it cannot come back.
	Removed bool `json:",omitempty"`
	// Book is what is known of the other members.
	Book []entry `json:",omitempty"`
}

const (
	identityFile   = "member.json"
	identityFormat = 1
)

// keeper holds the identity and keeps the file up to date.
type keeper struct {
	dir string

	mu sync.Mutex
	id identity // what the file says
}

// get returns a copy; the slices and maps in it are shared and never changed.
func (k *keeper) get() identity {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.id
}

// update changes the identity and returns when the change is durable. After an
// error nothing is changed.
func (k *keeper) update(change func(*identity)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.id
	change(&next)
	text, err := json.MarshalIndent(next, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", identityFile, err)
	}
	if err := datadir.WriteDurable(k.dir, identityFile, append(text, '\n')); err != nil {
		return err
	}
	k.id = next
	return nil
}

// loadIdentity reads the folder's identity; found is false for a new folder, whose
// log folder, if it has one, must be new, too.
func loadIdentity(dir, logDir string) (id identity, found bool, err error) {
	text, err := os.ReadFile(pathIn(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return identity{}, false, checkUnused(dir, logDir)
	}
	if err != nil {
		return identity{}, false, err
	}
	if err := json.Unmarshal(text, &id); err != nil {
		return identity{}, false, fmt.Errorf("%s cannot be read: %w; restore it from a backup of the folder, or replace the member", pathIn(dir, identityFile), err)
	}
	if id.Format != identityFormat {
		return identity{}, false, fmt.Errorf("%s has format %d, this build knows %d: start the build that wrote it, or a later one",
			pathIn(dir, identityFile), id.Format, identityFormat)
	}
	return id, true, nil
}

// checkUnused makes sure that folders without an identity hold no raft data:
// under a new identity that data would vote a second time.
func checkUnused(dir, logDir string) error {
	if hasEngine(dir) {
		return fmt.Errorf("%s holds raft data but no %s: restore that file from a backup of the folder, "+
			"or empty the folder and replace the member", dir, identityFile)
	}
	if logDir != "" && hasEngine(logDir) {
		return fmt.Errorf("%s holds the raft log of a member, and the data directory %s holds no %s: restore that folder as it was "+
			"when the process last stopped, or empty both and replace the member", logDir, dir, identityFile)
	}
	return nil
}

// newIdentity is that of a node with an empty folder.
func newIdentity(o *Options) (identity, error) {
	id := identity{
		Format: identityFormat, Member: o.ID, Life: randomHex(16),
		Addr: o.Addr, Version: 1, Dir: o.Dir, LogDir: o.LogDir,
	}
	if id.Member == "" {
		id.Member = state.MemberID(randomHex(20))
	}
	if o.Start == Join {
		id.Node = uuidOf("joiner", id.Life)
		return id, nil
	}
	list := o.founding()
	place, found := slices.BinarySearch(list, o.Addr)
	if !found {
		return identity{}, fmt.Errorf("this node's raft address %s is not among the founding members %s: "+
			"list it there as it is, or start with the state join to become a member of a group that runs",
			o.Addr, strings.Join(list, ", "))
	}
	id.Group = groupOf(o.Cluster, list)
	id.Founders = make(map[uint64]string, len(list))
	for i, a := range list {
		id.Founders[uint64(i+1)] = uuidOf(id.Group, a)
		if i != place {
			id.Book = append(id.Book, entry{Node: uuidOf(id.Group, a), Addr: a})
		}
	}
	id.Replica, id.Node = uint64(place+1), uuidOf(id.Group, o.Addr)
	id.Solo = len(list) == 1
	return id, nil
}

// groupOf names a group by how it is founded, so that nodes which were given
// different lists notice.
func groupOf(cluster string, founders []string) string {
	sum := sha256.Sum256([]byte("redis-failover raft group\x00" + cluster + "\x00" + strings.Join(founders, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// deployment is the group as the engine's messages carry it; never 0.
func deployment(group string) uint64 {
	sum := sha256.Sum256([]byte(group))
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// uuidOf makes a UUID out of a name: version 8, "vendor-specific" (RFC 9562).
func uuidOf(space, name string) string {
	sum := sha256.Sum256([]byte("redis-failover raft node\x00" + space + "\x00" + name))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// begin makes the identity fit this start: a changed address, a later Started.
// It returns the first mutation number of this life of the process.
//
// No number may ever name two mutations, or Apply would take the one for the
// other. The numbers of a start begin at Started x 2^24, and Started is at least
// the present time in seconds, so that neither a member that lost its folder and
// comes back under a given id, nor one whose clock was set back, begins below
// what it used before: it would have to use 16 million numbers a second.
func (k *keeper) begin(o *Options, now time.Time) (first uint64, err error) {
	err = k.update(func(id *identity) {
		id.Started = max(id.Started+1, uint64(max(0, now.Unix())))
		if id.Addr != o.Addr {
			id.Addr = o.Addr
			id.Version++
		}
		id.LogDir = o.LogDir
		first = id.Started<<24 + 1
	})
	return first, err
}

// Holds reports whether a data directory holds a member, which goes on as that
// member when a broker is opened there. It changes nothing.
func Holds(dir string) bool {
	_, found, err := loadIdentity(dir, "")
	return err == nil && found
}
