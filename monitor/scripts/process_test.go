package scripts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Only what may be otherwise a moment later is worth another try.
func TestMomentary(t *testing.T) {
	for cause, want := range map[syscall.Errno]bool{
		syscall.EAGAIN: true, syscall.ENOMEM: true, syscall.EMFILE: true, syscall.ENFILE: true, syscall.ETXTBSY: true,
		syscall.ENOENT: false, syscall.EACCES: false, syscall.ENOEXEC: false, syscall.E2BIG: false,
	} {
		err := errors.Join(fmt.Errorf("start: %w", &fs.PathError{Op: "fork/exec", Path: "/x", Err: cause}), nil)
		if got := momentary(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

func TestRunnable(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good.sh": 0o700, "plain.txt": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		dir, path string
		want      bool
	}{
		{dir, "good.sh", true}, {"", filepath.Join(dir, "good.sh"), true}, {"/nonexistent", filepath.Join(dir, "good.sh"), true},
		{dir, "plain.txt", false}, {dir, "none.sh", false}, {"", "good.sh", false}, {dir, ".", false},
	} {
		if err := Runnable(test.dir, test.path); (err == nil) != test.want {
			t.Errorf("%q in %q: %v, want runnable %v", test.path, test.dir, err, test.want)
		}
	}
}
