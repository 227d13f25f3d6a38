package procs

import (
	"os"
	"os/exec"
	"testing"
)

// NeedTool returns the path of a program that tests need; debian is the package
// that ships it there. Without it the test is skipped, or failed where CI=true.
func NeedTool(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Unavailable(t, "%s is not installed (apt-get install %s)", name, debian)
	}
	return path
}

// Unavailable ends a test that cannot run on this machine: it is skipped, or
// failed where CI=true. The text says what is missing. It never returns.
func Unavailable(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format+"; with CI=true it must be", args...)
	}
	t.Skipf(format, args...)
}
