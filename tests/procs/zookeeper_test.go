package procs

import (
	"errors"
	"testing"
)

func TestZooKeeper(t *testing.T) {
	z := StartZooKeeper(t, ZooKeeperOpts{})
	if mode, err := z.Servers[0].Mode(); err != nil || mode != "standalone" {
		t.Errorf("one server is %q, %v", mode, err)
	}
}

func TestZooKeeperEnsemble(t *testing.T) {
	z := StartZooKeeper(t, ZooKeeperOpts{Servers: 3})
	first := z.Leader()
	first.Kill()
	if second := z.Leader(); second == first {
		t.Error("the dead one leads")
	}
	first.Restart()
	Eventually(t, clusterTimeout, func() error {
		mode, err := first.Mode()
		if err == nil && mode != "follower" {
			err = errors.New("the one that was restarted is " + mode)
		}
		return err
	})
}
