package raft

import (
	"os"
	"syscall"

	"github.com/lni/vfs"
)

func syncData(f vfs.File) error {
	file, ok := f.(*os.File)
	if !ok {
		return f.Sync()
	}
	for {
		if err := syscall.Fdatasync(int(file.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
