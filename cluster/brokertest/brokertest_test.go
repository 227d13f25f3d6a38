package brokertest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// faultToRun makes this binary run the suite on a broken broker.
const faultToRun = "BROKERTEST_FAULT"

// TestSoundBroker: a broker that fulfils the contract passes, on one node and on
// three.
func TestSoundBroker(t *testing.T) {
	if os.Getenv(faultToRun) != "" {
		t.Skip("another run")
	}
	t.Run("1", func(t *testing.T) { Run(t, harness("", 1)) })
	t.Run("3", func(t *testing.T) { Run(t, harness("", 3)) })
}

// TestBrokenBroker is the suite on the broken broker that the environment names.
func TestBrokenBroker(t *testing.T) {
	fault := os.Getenv(faultToRun)
	if fault == "" {
		t.Skip("run by TestFaultsAreFound")
	}
	h := harness(fault, 3)
	h.Patience = 500 * time.Millisecond
	Run(t, h)
}

// TestFaultsAreFound runs the suite on brokers of which each breaks one sentence
// of the contract.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv(faultToRun) != "" {
		t.Skip("another run")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, test := range faults {
		t.Run(fault, func(t *testing.T) {
			// A broken broker may hang, so there is a limit.
			cmd := exec.Command(self, "-test.run=^TestBrokenBroker$/^"+test+"$", "-test.timeout=5s", "-test.v")
			cmd.Env = append(os.Environ(), faultToRun+"="+fault)
			out, err := cmd.CombinedOutput()
			ran := strings.Contains(string(out), "=== RUN   TestBrokenBroker/"+test)
			if err == nil || !ran {
				t.Errorf("the test %s did not find it: %s", test, out)
			}
		})
	}
}
