package server

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// Who loses the right to a channel is closed, without another message; the others
// hear on.
func TestWithdrawnChannel(t *testing.T) {
	s := start(t, nil)
	admin, loser, keeper := dial(t, s), dial(t, s), dial(t, s)
	admin.do("ACL SETUSER bob on nopass +@all &*", "+OK|")
	for _, c := range []*conn{loser, keeper} {
		c.do("AUTH bob x", "+OK|")
	}
	loser.do("PSUBSCRIBE +s*", "*3|$10|psubscribe|$3|+s*|:1|")
	keeper.do("SUBSCRIBE +sdown", "*3|$9|subscribe|$6|+sdown|:1|")
	admin.do("ACL SETUSER bob resetchannels &+sdown", "+OK|")
	loser.expectEnd("")
	s.Publish(event("+sdown", "x"))
	keeper.expect("*3|$7|message|$6|+sdown|$1|x|")
	admin.do("AUTH bob x", "+OK|")
	admin.do("ACL DELUSER bob", ":1|")
	admin.expectEnd("")
	keeper.expectEnd("")
}

// Users come and go while clients are them. In the end no session is left of a
// user that is gone.
func TestUsersComeAndGo(t *testing.T) {
	s := start(t, nil)
	const rounds = 20
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range rounds {
				c, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				fmt.Fprint(c, "AUTH bob x\r\nSUBSCRIBE +sdown\r\n")
				// Whether it is let in or not, and how far it comes, is left to chance.
				_, _ = c.Read(make([]byte, 64))
			}
		})
	}
	admin := dial(t, s)
	for range rounds {
		admin.do("ACL SETUSER bob on nopass +@all &*", "+OK|")
		admin.do("ACL SETUSER bob resetchannels &x", "+OK|")
		admin.do("ACL DELUSER bob", ":1|")
	}
	clients.Wait()
	admin.do("ACL SETUSER bob on nopass +@all &*", "+OK|")
	last := dial(t, s)
	last.do("AUTH bob x", "+OK|")
	admin.do("ACL DELUSER bob", ":1|")
	last.expectEnd("")
	procs.Eventually(t, patience, func() error {
		for _, client := range s.Clients() {
			if client.User == "bob" {
				return fmt.Errorf("session %d is of a user that is gone: %+v", client.ID, client)
			}
		}
		return nil
	})
}
