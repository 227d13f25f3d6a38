package compat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// How two answers are compared.
type how int

const (
	exact how = iota
	// sorted: arrays and sets in any order.
	sorted
	// shape: numbers and ids may differ; everything else is as exact.
	shape
	// sortedShape is both.
	sortedShape
	// names: the names in a text of INFO or CLIENT LIST; ours may have more,
	// but all of theirs in the same order.
	names
	// kind: the type of the answer only; for texts that are for people.
	kind
)

// call is one command and how the answers are to be compared.
type call struct {
	line string
	how  how
	// values are the fields of a map that are compared, instead of all of it.
	values []string
	// replies is how many values come, 0 for one; -1: until the end of the
	// connection; none: nothing comes.
	replies int
	// differs is why our answer differs, and ours is our answer in the notation
	// of value.String. (Where a value differs by protocol, ours3 is for RESP3.)
	differs     reason
	ours, ours3 string
}

const none = -2

// conversation is what is said on one connection, in order. What it changes in
// the servers it changes back.
type conversation struct {
	name  string
	calls []call
	// only says in which protocol it can be held, 0 for both.
	only int
}

// freeCalls are the conversations with servers that have no password.
func freeCalls() []conversation {
	return slices.Concat(connectionCalls, sentinelCalls, configCalls, introspectionCalls, aclCalls)
}

// conversations are all of the tables.
func conversations() []conversation {
	return slices.Concat(freeCalls(), passwordCalls, aclPasswordCalls)
}

func TestReplies(t *testing.T) {
	p := newPair(t, "")
	for _, c := range freeCalls() {
		hold(t, p, c)
	}
}

func TestRepliesWithPassword(t *testing.T) {
	p := newPair(t, "secret")
	for _, c := range slices.Concat(passwordCalls, aclPasswordCalls) {
		hold(t, p, c)
	}
}

// hold holds one conversation with both, in both protocols.
func hold(t *testing.T, p *pair, c conversation) {
	for protocol := 2; protocol <= 3; protocol++ {
		if c.only != 0 && c.only != protocol {
			continue
		}
		t.Run(fmt.Sprintf("%s RESP%d", c.name, protocol), func(t *testing.T) {
			stock, ours := p.stock.dial(t), p.ours.dial(t)
			if protocol == 3 {
				greeting := []string{"HELLO", "3", "AUTH", "default", "secret"}
				stock.send(greeting)
				ours.send(greeting)
				stock.read(1)
				ours.read(1)
			}
			for _, call := range c.calls {
				words := split(t, p.replace.Replace(call.line))
				theirs, mine := ask(stock, words, call), ask(ours, words, call)
				if call.values != nil {
					theirs[0], mine[0] = theirs[0].pick(call.values), mine[0].pick(call.values)
				}
				call.ours, call.ours3 = p.replace.Replace(call.ours), p.replace.Replace(call.ours3)
				compare(t, call, protocol, theirs, mine)
			}
		})
	}
}

func ask(s *session, words []string, c call) []value {
	s.t.Helper()
	s.send(words)
	switch c.replies {
	case 0:
		return s.read(1)
	case none:
		return nil
	}
	return s.read(c.replies)
}

func compare(t *testing.T, c call, protocol int, theirs, ours []value) {
	t.Helper()
	same := render(c.how, theirs) == render(c.how, ours)
	if c.how == names {
		same = contains(fields(ours[0].text), fields(theirs[0].text)) && theirs[0].kind == ours[0].kind
	}
	if c.differs == "" {
		if !same {
			t.Errorf("%s\nredis-sentinel: %s\nredis-failover: %s", c.line, render(c.how, theirs), render(c.how, ours))
		}
		return
	}
	if same {
		t.Errorf("%s: there is no difference any more (%s)", c.line, c.differs)
	}
	want := c.ours
	if protocol == 3 && c.ours3 != "" {
		want = c.ours3
	}
	if got := render(c.how, ours); got != want {
		t.Errorf("%s: %s\ngot  %s\nwant %s", c.line, c.differs, got, want)
	}
}

// render is what of the answers is compared.
func render(h how, values []value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		switch h {
		case sorted:
			v = v.sorted()
		case shape:
			v = v.shape()
		case sortedShape:
			v = v.shape().sorted()
		case kind:
			v = value{kind: v.kind}
		}
		texts[i] = v.String()
	}
	return strings.Join(texts, " ")
}

// contains reports whether all of want are in have, in that order.
func contains(have, want []string) bool {
	for _, name := range want {
		i := slices.Index(have, name)
		if i < 0 {
			return false
		}
		have = have[i+1:]
	}
	return true
}
