package raft

import (
	"fmt"
	"reflect"
	"runtime"
)

// The engine panics where others return an error. On a goroutine of ours that
// can be caught, and survive does. On one of its own nothing can; there the
// panic must not begin (see disk.go and logs.go), and caught tells which it is.

// survive runs f and returns the panic in which it ended, nil for none.
func survive(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	f()
	return nil
}

// caught reports whether a panic on this goroutine would end in survive. It is
// slow, and for errors only.
func caught() bool {
	name := runtime.FuncForPC(reflect.ValueOf(survive).Pointer()).Name()
	callers := make([]uintptr, 128)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if frame.Function == name {
			return true
		}
		if !more {
			return false
		}
	}
}
