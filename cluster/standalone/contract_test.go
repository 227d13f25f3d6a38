package standalone

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/brokertest"
)

func TestContract(t *testing.T) {
	brokertest.Run(t, brokertest.Harness{
		Nodes:   1,
		Backlog: 256,
		Open: func(t *testing.T, _ int) brokertest.Cluster {
			n := &node{options: Options{
				Dir: t.TempDir(), Backlog: 256, SnapshotEvery: 50, RetryEvery: 10 * time.Millisecond,
			}}
			n.options.disk = &fillable{disk: folder(n.options.Dir)}
			n.Restart(t, 0)
			t.Cleanup(func() { _ = n.broker.Close() })
			return n
		},
	})
}

// node is a cluster of one.
type node struct {
	options Options
	broker  *Broker
}

func (n *node) Broker(int) cluster.Broker { return n.broker }

func (n *node) Restart(t *testing.T, _ int) {
	if n.broker != nil {
		if err := n.broker.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	b, err := Open(n.options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	n.broker = b
}

func (n *node) Suspend(*testing.T, int) { n.options.disk.(*fillable).full.Store(true) }
func (n *node) Resume(*testing.T, int)  { n.options.disk.(*fillable).full.Store(false) }

// fillable is a disk that can be full.
type fillable struct {
	disk
	full atomic.Bool
}

func (d *fillable) Create(name string) (file, error) {
	f, err := d.disk.Create(name)
	if err != nil {
		return nil, err
	}
	return &fillableFile{f, d}, nil
}

type fillableFile struct {
	file
	disk *fillable
}

// WriteAt, when the disk is full, writes a part and fails, as the kernel does.
func (f *fillableFile) WriteAt(p []byte, off int64) (int, error) {
	if !f.disk.full.Load() {
		return f.file.WriteAt(p, off)
	}
	n, err := f.file.WriteAt(p[:len(p)/2], off)
	if err != nil {
		return n, err
	}
	return n, syscall.ENOSPC
}
