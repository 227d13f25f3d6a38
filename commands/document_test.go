package commands

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write COMMANDS.md anew")

// COMMANDS.md is made from the values, so it says what is so.
func TestDocument(t *testing.T) {
	const file = "COMMANDS.md"
	table, err := NewTable(All()...)
	if err != nil {
		t.Fatal(err)
	}
	want := document(table)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the commands say (%v); go test ./commands -run TestDocument -update", file, err)
	}
}

func document(table *Table) string {
	var text strings.Builder
	text.WriteString(`# Commands

All that clients may say. Made from the values in this folder; do not edit.

*local* commands answer from this node's copy of the document and from what it
sees. *look-up* commands do so too, but they tell clients where the masters are:
the settings isolated-answers and linearizable-reads say when they are refused.
*propose* commands change the document for all nodes and answer when that is
durable, *connection* ones are about the connection or the server.

| command | kind | since | what it does |
| --- | --- | --- | --- |
`)
	code := strings.NewReplacer("|", `\|`)
	prose := strings.NewReplacer("|", `\|`, "<", "&lt;")
	for _, cmd := range table.flat() {
		if cmd.Handler == nil {
			continue
		}
		name := strings.ToUpper(strings.ReplaceAll(cmd.FullName(), "|", " "))
		usage := strings.TrimSpace(name + " " + cmd.Syntax)
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", code.Replace(usage), cmd.Kind, cmd.Since, prose.Replace(cmd.Summary))
	}
	return text.String()
}
