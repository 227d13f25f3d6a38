package events

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// A client that listens to nothing goes on writing to the master it knows. In a
// planned failover the old master refuses it, or drops it, before the failover is
// said to have ended.
func TestWriterThatListensToNothing(t *testing.T) {
	t.Parallel()
	s := &side{t: t, name: "redis-failover", group: procs.Group(t, 2, procs.Opts{})}
	s.server = procs.Failover(t, s.file(20*time.Second, 1)).Server
	s.listen(2)
	old := s.group.Master
	conn := old.Connect()
	var over atomic.Bool
	written, failed := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		for {
			late := over.Load()
			if _, err := conn.Do("INCR", "k"); err != nil {
				failed <- err
				return
			}
			if late {
				failed <- nil
				return
			}
			select {
			case written <- struct{}{}:
			default:
			}
		}
	}()
	<-written
	s.failOver()
	await(t, []*side{s}, "+failover-end ")
	over.Store(true)
	if _, err := old.Do("SET", "k", "v"); err == nil || !strings.HasPrefix(err.Error(), "READONLY") {
		t.Errorf("after +failover-end a write to the old master gave %v, want READONLY", err)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("a write to the old master was acknowledged after +failover-end")
		}
	case <-time.After(patience):
		t.Error("a write neither failed nor succeeded")
	}
	inOrder(t, []*side{s}, "+switch-master", "+slave-reconf-sent slave OLD", "+slave-reconf-done slave OLD", "+failover-end")
}
