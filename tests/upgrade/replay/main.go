// Replay applies the entries of a log, one a line on its standard input, and says
// after each what came of it: the refusal if there is one, and the checksum of
// the document. It ends, as a broker does, where this build is too old to go on.
//
//	replay [-from SNAPSHOT] [-save SNAPSHOT] < LOG
package main

import (
	"bufio"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"

	"redis-failover/cluster/state"
)

func main() {
	from := flag.String("from", "", "begin with the document in this file")
	save := flag.String("save", "", "write the last document to this file")
	flag.Parse()
	if err := replay(*from, *save, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stdout, "stopped:", err)
	}
}

func replay(from, save string, log io.Reader, out io.Writer) error {
	doc, err := begin(from)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		// An op that cannot be read is applied as one that is not known.
		m, _ := state.DecodeMutation(lines.Bytes())
		var outcome state.Outcome
		doc, outcome = state.Apply(doc, doc.Index+1, m)
		text, err := state.EncodeState(doc)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d schema %d %x %s: %s\n", doc.Index, doc.Schema, sha256.Sum256(text), outcome.Refusal, outcome.Detail)
		if err := doc.CheckSchema(); err != nil {
			return err
		}
	}
	if save == "" || lines.Err() != nil {
		return lines.Err()
	}
	text, err := state.EncodeState(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(save, text, 0o600)
}

func begin(from string) (*state.State, error) {
	if from == "" {
		return state.New(), nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return nil, err
	}
	return state.DecodeState(text)
}
