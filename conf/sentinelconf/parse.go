package sentinelconf

import (
	"path/filepath"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// Parse reads the text of a sentinel.conf of that name, which is shown in
// faults and from where circles of includes are recognised. The lines of extra
// are applied as if they stood at its end; their At.File is "". What is wrong
// comes back as a fault.List, sorted, and then the File is what could be read.
func Parse(name string, text []byte, extra []Line, disk Disk) (*File, fault.List) {
	p := &parser{
		file:    &File{Others: make(map[string]Given[string])},
		disk:    disk,
		masters: make(map[string]int),
		broken:  make(map[string]bool),
		noticed: make(map[string]bool),
	}
	p.reader = &reader{disk: disk, faults: &p.faults, take: p.take}
	p.reader.text(filepath.Clean(name), text)
	for _, l := range extra {
		p.reader.words(l)
	}
	p.sentinelLines()
	p.paths()
	return p.file, p.faults.List()
}

// parser applies lines to a File.
type parser struct {
	file   *File
	disk   Disk
	reader *reader
	faults fault.Collector
	// queued are the sentinel lines of each pass, in the order of the file.
	queued [passes][]queuedLine
	// masters is the place of each name in file.Masters.
	masters map[string]int
	// broken are the names whose monitor line is wrong: lines about them are
	// read, checked and dropped.
	broken map[string]bool
	// noticed are the texts of the notices so far.
	noticed map[string]bool
}

// queuedLine is a sentinel line that waits for its pass.
type queuedLine struct {
	Line
	// name is the directive after the word "sentinel", in lower case.
	name string
	args []string
}

func (p *parser) take(l Line) {
	if l.name() == "sentinel" {
		p.queue(l)
		return
	}
	p.general(l)
}

// paths puts relative ones under the last dir, wherever that stands: Redis opens
// these files after it has read all lines, and the log anew for each line of it.
func (p *parser) paths() {
	if path := &p.file.LogFile.Value; *path != "" {
		*path = p.reader.path(*path)
	}
	for name, given := range p.file.Others {
		if others[name] == isPath && given.Value != "" {
			given.Value = p.reader.path(given.Value)
			p.file.Others[name] = given
		}
	}
}

func (p *parser) fault(l Line, problem, remedy string) {
	p.faults.Add(lineFault(l, problem, remedy))
}

// notice records a text once, at its first line.
func (p *parser) notice(l Line, text string, serious bool) {
	if p.noticed[text] {
		return
	}
	p.noticed[text] = true
	p.file.Notices = append(p.file.Notices, Notice{At: l.At, Text: text, Serious: serious})
}

// raiseEpoch keeps the highest epoch of the file.
func (p *parser) raiseEpoch(e state.Epoch) {
	p.file.CurrentEpoch = max(p.file.CurrentEpoch, e)
}
