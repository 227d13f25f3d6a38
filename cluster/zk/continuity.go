package zk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"
)

// settle makes the server of this connection as new as the ensemble. Each
// connection has a session of its own, so a server that lags takes it; what it
// then shows may be older than what this node has seen on another one, and would
// be taken for a path that was emptied, or a member that was removed.
func (s *stint) settle() error {
	_, err := s.multi(&zk.CheckVersionRequest{Path: s.at.base, Version: anyVersion})
	if refusedByServer(err) {
		return nil // the answer took a majority all the same
	}
	return err
}

// continues makes sure that the log is still the one that this node has read:
// ZooKeeper may have been restored from a backup meanwhile. It then gives out
// numbers again that this node is past, and never looks at. It is called behind
// a write of this connection, so that the server does not lag.
func (s *stint) continues() error {
	at := s.b.reader.at()
	if at.Next == 0 || at.Generation < s.head.Load().Place.Generation {
		return nil // nothing of the directory was read, or it may be removed
	}
	end, err := s.numbersGiven(at.Generation)
	if err != nil {
		return err
	}
	if end < at.Next {
		return s.wentBack(fmt.Sprintf("this node has read to %s, and the log ends at the number %d", s.at.entry(at), end))
	}
	last := place{at.Generation, at.Next - 1}
	read := s.b.reader.lastRead()
	found, err := s.get(s.at.entry(last))
	switch {
	case errors.Is(err, zk.ErrNoNode): // a snapshot contains it
		return nil
	case err != nil:
		return err
	case read != nil && !bytes.Equal(found.data, read):
		return s.wentBack(fmt.Sprintf("%s is not what this node has read there", s.at.entry(last)))
	}
	return nil
}

// lastRead is the entry that was read before the place where the reader is, nil if
// it is not known.
func (r *reader) lastRead() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (s *stint) wentBack(what string) error {
	return fmt.Errorf("%w: it went back, as from a backup: %s; this node ends, and takes over what is there when it is started again", ErrForeign, what)
}
