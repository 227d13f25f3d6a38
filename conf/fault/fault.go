// Package fault is how conf says what is wrong with a configuration: all of it
// at once, each with its place, the offending text and what would be right.
package fault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is where a setting came from. The zero Pos is "nowhere in particular".
type Pos struct {
	// File and Line name a line of a file, Line from 1 (0: the file as a
	// whole). File is "" for flags and the environment.
	File string
	Line int
	// Name is the flag ("-addr"), the environment variable, the key or the
	// directive.
	Name string
}

// String is "file:line", or the name where there is no file.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return p.Name
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Fault is one thing that is wrong.
type Fault struct {
	At Pos
	// Subject is the offending text as it may be shown: passwords are hidden
	// and long text is cut by whoever fills it in.
	Subject string
	// Problem and Remedy are sentences.
	Problem, Remedy string
}

// Error is "file:line: 'subject': problem remedy", without the parts that are
// empty.
func (f Fault) Error() string {
	var b strings.Builder
	if f.At.File != "" {
		b.WriteString(f.At.String() + ": ")
	}
	if f.Subject != "" {
		b.WriteString("'" + f.Subject + "': ")
	}
	b.WriteString(f.Problem)
	if f.Remedy != "" {
		b.WriteString(" " + f.Remedy)
	}
	return b.String()
}

// List is all that is wrong: first what came from flags and the environment,
// then by file and line.
type List []Fault

// Error has one fault a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a Fault.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, f := range l {
		errs[i] = f
	}
	return errs
}

// limit is how many faults are kept: a file of another kind given by mistake
// has one in each of its lines, and nobody reads more than these.
const limit = 1000

// Collector gathers faults. The zero Collector is ready.
type Collector struct{ list List }

// Add takes one fault, unless the collector is full.
func (c *Collector) Add(f Fault) {
	if !c.Full() {
		c.list = append(c.list, f)
	}
}

// Full reports whether further faults are dropped; readers may stop then.
func (c *Collector) Full() bool { return len(c.list) == limit }

// Merge takes all faults of another list.
func (c *Collector) Merge(l List) {
	for _, f := range l {
		c.Add(f)
	}
}

// List returns the faults in order, nil if there are none.
func (c *Collector) List() List {
	l := slices.Clone(c.list)
	slices.SortStableFunc(l, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.At.File, b.At.File), a.At.Line-b.At.Line)
	})
	if c.Full() {
		l = append(l, Fault{Problem: "There may be more; no more faults are collected.", Remedy: "Is it the right file?"})
	}
	return l
}

// Err returns the faults as an error, nil if there are none.
func (c *Collector) Err() error {
	if len(c.list) == 0 {
		return nil
	}
	return c.List()
}
