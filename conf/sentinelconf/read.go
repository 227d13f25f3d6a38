package sentinelconf

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"redis-failover/conf/fault"
)

// Line is one line of configuration: a directive and its arguments, at least
// the directive.
type Line struct {
	At    fault.Pos
	Words []string
}

// name is the directive in lower case.
func (l Line) name() string { return strings.ToLower(l.Words[0]) }

// maxFiles bounds how many files one configuration may include: files that
// include each other twice double with each level.
const maxFiles = 1000

// reader turns texts into lines and follows includes.
type reader struct {
	disk   Disk
	faults *fault.Collector
	take   func(Line)
	// dir is the working directory that the last dir directive asked for, ""
	// for that of the process. Redis changes into it at once, so it matters for
	// the relative paths of the lines that follow.
	dir string
	// open are the files that are being read, the including ones first.
	open []string
	read int
}

// text hands the lines of one file to take.
func (r *reader) text(path string, text []byte) {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		r.faults.Add(fault.Fault{
			At:      fault.Pos{File: path, Line: 1 + bytes.Count(text[:i], []byte("\n"))},
			Problem: "The line contains a NUL byte.",
			Remedy:  "Save the file as plain text in UTF-8.",
		})
		return
	}
	r.open = append(r.open, path)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	number := 0
	// A file of another kind has a fault in each line.
	for line := range bytes.Lines(stripBOM(text)) {
		if number++; r.faults.Full() {
			return
		}
		r.line(fault.Pos{File: path, Line: number}, string(line))
	}
}

// stripBOM removes the mark that some editors put before UTF-8.
func stripBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

func (r *reader) line(at fault.Pos, line string) {
	line = strings.Trim(line, " \t\r\n")
	if line == "" || line[0] == '#' {
		return
	}
	words, err := SplitArgs(line)
	if err != nil {
		r.faults.Add(fault.Fault{At: at, Subject: showUnsplit(line), Problem: "Unbalanced quotes in configuration line.",
			Remedy: `Close each quote before a space or the end of the line; write a quote inside quotes as \".`})
		return
	}
	if len(words) > 0 { // a form feed alone is no word, and not blank above
		r.words(Line{At: at, Words: words})
	}
}

// words follows an include and hands on anything else.
func (r *reader) words(l Line) {
	if l.name() == "include" && len(l.Words) == 2 {
		r.include(l, r.path(l.Words[1]))
		return
	}
	r.take(l)
}

// include reads the files that an include line names. As in Redis a pattern
// may match nothing, a plain name must exist.
func (r *reader) include(l Line, path string) {
	if !strings.ContainsAny(path, "*?[") {
		r.includeFile(l, path)
		return
	}
	paths, err := r.disk.Glob(path)
	if err != nil {
		r.faults.Add(lineFault(l, "This is not a valid pattern.", "Close each [ with a ]."))
	}
	for _, path := range paths {
		r.includeFile(l, path)
	}
}

func (r *reader) includeFile(l Line, path string) {
	if slices.Contains(r.open, path) {
		circle := strings.Join(append(slices.Clone(r.open), path), " -> ")
		r.faults.Add(lineFault(l, "The file includes itself: "+fault.Show(circle)+".", "Remove one of these includes."))
		return
	}
	if r.read++; r.read > maxFiles {
		if r.read == maxFiles+1 {
			r.faults.Add(lineFault(l, fmt.Sprintf("More than %d files are included.", maxFiles), "Include each file once."))
		}
		return
	}
	text, err := r.disk.Read(path)
	if err != nil {
		r.faults.Add(lineFault(l, fmt.Sprintf("Can't open config file '%s'. %s", fault.Show(path), fault.Sentence(err)),
			"A relative path begins at the working directory, or at dir where dir stands before the include."))
		return
	}
	r.text(path, text)
}

// path is where a relative path leads at this point of the file.
func (r *reader) path(name string) string { return under(r.dir, name) }

// under puts a relative path under a directory, "" for the working directory.
func under(dir, path string) string {
	if filepath.IsAbs(path) || dir == "" {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
