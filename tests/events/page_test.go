package events

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page for operators has every event that the sources name.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/EVENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	// Sentinel's debug level, which is logged and not published.
	logged := map[string]bool{"+script-child": true, "-script-child": true}
	name := regexp.MustCompile(`"([+-][a-z]+(-[a-z]+)*)"`)
	found := 0
	for _, file := range []string{
		"cluster/state/event.go", "monitor/loop.go", "monitor/failover/foreign.go", "monitor/scripts/events.go",
		"monitor/scripts/runner.go", "commands/pubsub.go",
	} {
		source, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range name.FindAllSubmatch(source, -1) {
			found++
			if event := string(match[1]); !logged[event] && !strings.Contains(string(page), "`"+event+"`") {
				t.Errorf("%s names %s, and docs/EVENTS.md does not", file, event)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d events were found in the sources", found)
	}
}
