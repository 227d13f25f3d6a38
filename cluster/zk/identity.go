package zk

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"redis-failover/cluster/datadir"
	"redis-failover/cluster/state"
)

// identity is all that this node keeps itself.
type identity struct {
	Format int
	Member state.MemberID
	// Started counts the starts, for mutation numbers.
	Started uint64
}

const (
	identityFile   = "member.json"
	identityFormat = 1
)

// takeIdentity returns who the folder says that this node is, or makes it
// somebody, and the first mutation number of this start.
//
// No number may ever name two mutations, or Apply would take the one for the
// other. The numbers of a start begin at Started x 2^24, and Started is at least
// the present time in seconds, so that neither a node that lost its folder and
// comes back under a given id, nor one whose clock was set back, begins below
// what it used before.
func takeIdentity(dir string, given state.MemberID, now time.Time) (id state.MemberID, first uint64, err error) {
	own, err := readIdentity(dir)
	if err != nil {
		return "", 0, err
	}
	switch {
	case own.Member == "" && given == "":
		own.Member = state.MemberID(randomHex(20))
	case own.Member == "":
		own.Member = given
	case given != "" && given != own.Member:
		return "", 0, fmt.Errorf("the data directory %s belongs to the member %s, the configuration's id is %s: "+
			"take the id out of the configuration, or use another data directory", dir, own.Member, given)
	}
	own.Format = identityFormat
	own.Started = max(own.Started+1, uint64(max(0, now.Unix())))
	text, err := json.MarshalIndent(own, "", "\t")
	if err == nil {
		err = datadir.WriteDurable(dir, identityFile, append(text, '\n'))
	}
	if err != nil {
		return "", 0, fmt.Errorf("the data directory %s cannot be written: %w", dir, err)
	}
	return own.Member, own.Started<<24 + 1, nil
}

func readIdentity(dir string) (identity, error) {
	var own identity
	file := filepath.Join(dir, identityFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return own, nil
	}
	if err != nil {
		return own, err
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return own, fmt.Errorf("%s cannot be read: %w; restore it from a backup of the folder, or empty the folder to make this a new member", file, err)
	}
	if own.Format != identityFormat || !isMemberID(own.Member) {
		return own, fmt.Errorf("%s is not the identity of a node that uses ZooKeeper, or of a later build: use another data directory", file)
	}
	return own, nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
