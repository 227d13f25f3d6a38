//go:build !linux

package raft

import "github.com/lni/vfs"

func syncData(f vfs.File) error { return f.Sync() }
