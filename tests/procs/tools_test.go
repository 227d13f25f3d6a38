package procs

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fakeTest records how a test was ended. It is a testing.TB only in name: all
// that is not overridden panics.
type fakeTest struct {
	testing.TB
	verdict, text string
}

func (f *fakeTest) Helper() {}

func (f *fakeTest) Fatalf(format string, args ...any) { f.end("failed", format, args) }

func (f *fakeTest) Skipf(format string, args ...any) { f.end("skipped", format, args) }

func (f *fakeTest) end(verdict, format string, args []any) {
	f.verdict, f.text = verdict, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run runs a test function as the testing package does: on a goroutine that may
// be ended in the middle.
func (f *fakeTest) run(test func(testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
}

func TestMissingTool(t *testing.T) {
	tests := []struct{ ci, verdict string }{
		{"true", "failed"},
		{"", "skipped"},
		{"false", "skipped"},
	}
	for _, test := range tests {
		t.Setenv("CI", test.ci)
		var f fakeTest
		f.run(func(t testing.TB) { NeedTool(t, "no-such-tool-at-all", "no-such-package") })
		if f.verdict != test.verdict || !strings.Contains(f.text, "no-such-package") {
			t.Errorf("CI=%q: %s with %q, want %s", test.ci, f.verdict, f.text, test.verdict)
		}
	}
}

func TestEventually(t *testing.T) {
	looks := 0
	Eventually(t, time.Minute, func() error {
		if looks++; looks < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if looks != 3 {
		t.Errorf("looked %d times, want 3", looks)
	}

	var f fakeTest
	f.run(func(t testing.TB) { Eventually(t, time.Millisecond, func() error { return errors.New("never so") }) })
	if f.verdict != "failed" || !strings.Contains(f.text, "never so") {
		t.Errorf("what never comes: %q with %q", f.verdict, f.text)
	}
}

func TestHolds(t *testing.T) {
	Holds(t, 20*time.Millisecond, func() error { return nil })

	var f fakeTest
	looks := 0
	f.run(func(t testing.TB) {
		Holds(t, time.Minute, func() error {
			if looks++; looks == 3 {
				return errors.New("over")
			}
			return nil
		})
	})
	if f.verdict != "failed" || !strings.Contains(f.text, "over") {
		t.Errorf("what does not hold: %q with %q", f.verdict, f.text)
	}
}

func TestTail(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"a\nb\n", "a\nb"},
		{"a\nb\nc\nd\n", "(1 lines before)\nb\nc\nd"},
	}
	for _, test := range tests {
		if got := tail(test.text, 3); got != test.want {
			t.Errorf("tail of %q is %q, want %q", test.text, got, test.want)
		}
	}
}
