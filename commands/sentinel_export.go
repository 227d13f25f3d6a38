package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster/state"
)

// The commands by which a fleet moves to other nodes, of whatever broker. They
// are ours; "redis-failover export" and "redis-failover import" send them.

func exportCommand() *Command {
	return &Command{
		Name: "export", Arity: -2, Flags: Admin, Since: "ours", Kind: Local, Within: answerWithin,
		Syntax: "[SECRETS] [STALE]",
		Summary: "Returns, as JSON, what goes with the masters to other nodes: settings, replicas, epochs, pauses and global settings. " +
			"Passwords are in it with SECRETS only. It is confirmed by a majority; with STALE it is what this node knows, for when there is none any more.",
		Handler: export,
	}
}

func export(c *Context, args []string) Reply {
	var secrets, stale bool
	for _, word := range args {
		switch strings.ToLower(word) {
		case "secrets":
			secrets = true
		case "stale":
			stale = true
		default:
			return errSyntax
		}
	}
	if !stale {
		if fault := c.sync(); fault != nil {
			return fault
		}
	}
	text, err := json.MarshalIndent(c.state().Export(secrets), "", "  ")
	if err != nil {
		return Error("ERR " + err.Error())
	}
	return Bulk(text)
}

// importWithin bounds IMPORT: ten thousand masters take some seconds.
const importWithin = 2 * time.Minute

func importCommand() *Command {
	return &Command{
		Name: "import", Arity: -3, Flags: Admin, Since: "ours", Kind: Propose, Within: importWithin,
		Syntax: "<export> [PAUSED|CHECK]",
		Summary: "Adds the masters of an export, with all that goes with them, on all nodes. Those that are there at the same address and with the same " +
			"quorum stay as they are, and so do global settings that were ever set; if one is there with others, nothing is changed. With PAUSED nothing is done by itself about those that are added, " +
			"until SENTINEL RESUME. With CHECK nothing is changed at all. It may be repeated.",
		Handler: importMasters,
	}
}

func importMasters(c *Context, args []string) Reply {
	var paused, check bool
	for _, word := range args[1:] {
		switch strings.ToLower(word) {
		case "paused":
			paused = true
		case "check":
			check = true
		default:
			return errSyntax
		}
	}
	e, err := state.ReadExport([]byte(args[0]))
	if err != nil {
		return Error("ERR Nothing was changed: " + oneLine(err.Error()))
	}
	if fault := refuseScripts(c, e); fault != nil {
		return fault
	}
	if fault := c.sync(); fault != nil {
		return fault
	}
	if others := c.otherwise(e); len(others) > 0 {
		return errImportConflict(others)
	}
	if check {
		return OK
	}
	if len(e.Globals) > 0 {
		// Those that are set here are about how these nodes know each other.
		if _, fault := c.propose(state.OpConfig{Options: e.Settings(), Seed: true}); fault != nil {
			return fault
		}
	}
	return c.importAll(e, paused)
}

// refuseScripts guards the programs that an export names as SENTINEL SET does. Also
// those of masters that are there: one may be removed before its turn comes.
func refuseScripts(c *Context, e state.Export) Reply {
	for i := range e.Masters {
		for _, o := range e.Masters[i].Options {
			if slices.Equal(o.Values, []string{""}) {
				continue // no program
			}
			if fault, refused := checkScript(c, state.Option(o)).(Error); refused {
				return errImportScript(e.Masters[i].Name, o.Name, fault)
			}
		}
	}
	return nil
}

// otherwise are the masters of an export that are there, and not the same.
func (c *Context) otherwise(e state.Export) []string {
	var names []string
	for i := range e.Masters {
		x := &e.Masters[i]
		if m, ok := c.state().Master(x.Name); ok && (m.Addr != x.Address || m.Quorum != x.Quorum) {
			names = append(names, x.Name)
		}
	}
	return names
}

// imported is what became of an import.
type imported struct {
	added, there int
	withheld     []string
	fault        Reply
}

// importers is how many changes are under way at once: enough for an engine that
// puts them into one entry of its log.
const importers = 32

func (c *Context) importAll(e state.Export, paused bool) Reply {
	var (
		mu    sync.Mutex
		done  imported
		tasks sync.WaitGroup
		slots = make(chan struct{}, importers)
	)
	for i := range e.Masters {
		x := &e.Masters[i]
		slots <- struct{}{}
		tasks.Go(func() {
			defer func() { <-slots }()
			added, fault := c.importOne(e, x, paused)
			mu.Lock()
			defer mu.Unlock()
			done.note(x, added, fault)
		})
	}
	tasks.Wait()
	if done.fault != nil {
		return errImportHalf(done, len(e.Masters))
	}
	slices.Sort(done.withheld)
	return Map{
		{"added", Number(done.added)},
		{"already-there", Number(done.there)},
		{"passwords-missing", bulks(done.withheld)},
	}
}

func (i *imported) note(x *state.ExportedMaster, added bool, fault Reply) {
	switch {
	case fault != nil:
		i.fault = fault
	case added:
		i.added++
		if len(x.Withheld) > 0 {
			i.withheld = append(i.withheld, x.Name)
		}
	default:
		i.there++
	}
}

// importOne adds one master, paused from its first moment if it is to be.
func (c *Context) importOne(e state.Export, x *state.ExportedMaster, paused bool) (added bool, fault Reply) {
	op, err := e.Monitor(x)
	if err != nil {
		return false, Error("ERR " + oneLine(err.Error()))
	}
	if paused && op.Pause == nil {
		op.Pause = &state.OpPause{By: c.caller(), Why: "imported"}
	}
	out, fault := c.propose(op)
	return fault == nil && !out.Unchanged, fault
}

func errImportConflict(names []string) Error {
	const shown = 5
	list := strings.Join(names[:min(shown, len(names))], ", ")
	if more := len(names) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return Error("ERR Nothing was changed: monitored here at another address or with another quorum: " + echo(oneLine(list), maxEcho*4))
}

func errImportScript(master, option string, fault Error) Error {
	return Error(fmt.Sprintf("ERR Nothing was changed: %s of master '%s': %s", strings.ToLower(option), echo(oneLine(master), maxEcho), fault.Text()))
}

func errImportHalf(done imported, all int) Error {
	cause, _ := done.fault.(Error)
	return Error(fmt.Sprintf("ERR %d of %d masters were added and %d were there; the import may be repeated. What stopped it: %s", done.added, all, done.there, string(cause)))
}
