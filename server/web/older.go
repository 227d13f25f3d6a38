package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/conf"
)

// older is /master as redis-failover had it before there was RESP: the masters as a
// list of addresses. What it answers is text, for people with curl.
type older struct{ *exchange }

// named is one item of the list.
type named struct {
	name string
	addr state.Addr
	bare bool // the address is the name
}

func (e *exchange) older() {
	o := older{e}
	act := map[string]func(*directory, []named) *refusal{http.MethodPost: o.add, http.MethodPut: o.replace, http.MethodDelete: o.remove}[e.r.Method]
	switch {
	case e.r.Method == http.MethodGet || e.r.Method == http.MethodHead:
		o.list(http.StatusOK)
	case act == nil:
		e.w.Header().Set("Allow", "GET, HEAD, POST, PUT, DELETE")
		text(e.w, http.StatusMethodNotAllowed, "GET lists the masters, POST adds, PUT replaces and DELETE removes those of the parameter 'masters'")
	default:
		o.change(act)
	}
}

// list answers with the addresses of the masters.
func (o older) list(status int) {
	reply := o.do("SENTINEL", "MASTERS")
	if fault, is := reply.(commands.Error); is {
		o.refuse(&refusal{fault: fault})
		return
	}
	var addrs []string
	doc := o.options.Node.Broker.State()
	for m := range doc.Masters() {
		addrs = append(addrs, doc.Shown(m, m.Addr).String())
	}
	header := o.w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	o.w.WriteHeader(status)
	_, _ = o.w.Write([]byte(strings.Join(addrs, ","))) // whoever has gone does not miss it
}

// refusal is the error of a command, and what had been done before it.
type refusal struct {
	fault commands.Error
	where string
}

func (o older) refuse(r *refusal) {
	text(o.w, statuses[r.fault.Class()], string(r.fault)+r.where)
}

// change carries out what the method says with the masters that are named, on a
// document that is current.
func (o older) change(act func(*directory, []named) *refusal) {
	masters, err := o.masters()
	if err != nil {
		text(o.w, http.StatusBadRequest, err.Error())
		return
	}
	o.unhurried()
	broker := o.options.Node.Broker
	if _, err := broker.Barrier(o.r.Context()); err != nil {
		o.refuse(&refusal{fault: commands.BrokerError(err)})
		return
	}
	if fault := act(newDirectory(broker.State()), masters); fault != nil {
		o.refuse(fault)
		return
	}
	o.list(http.StatusOK)
}

// masters reads the parameter, of the query or of a form.
func (o older) masters() ([]named, error) {
	if o.r.Method == http.MethodDelete { // net/http reads no form of one
		o.r.Method = http.MethodPost
		defer func() { o.r.Method = http.MethodDelete }()
	}
	if err := o.r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the parameters cannot be read: %w", err)
	}
	var list []named
	for item := range strings.SplitSeq(strings.Join(o.r.Form["masters"], ","), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, addr, err := conf.ParseMaster(item)
		if err != nil {
			return nil, fmt.Errorf("masters: %w; give host:port or name=host:port, with commas between", err)
		}
		list = append(list, named{name: name, addr: addr, bare: name == addr.String()})
	}
	if len(list) == 0 {
		return nil, errors.New("the parameter 'masters' is missing: host:port or name=host:port, with commas between")
	}
	return list, nil
}

// directory finds masters by name and by address, so that lists of thousands take
// no longer than they must.
type directory struct {
	*state.State
	// at are the masters by address: as it is, and as clients are told it.
	at map[state.Addr]*state.Master
}

func newDirectory(doc *state.State) *directory {
	d := &directory{doc, make(map[state.Addr]*state.Master, doc.Len())}
	for m := range doc.Masters() {
		for _, a := range []state.Addr{m.Addr, doc.Shown(m, m.Addr)} {
			if _, taken := d.at[a]; !taken {
				d.at[a] = m
			}
		}
	}
	return d
}

// watched is the master that an item means: that of its name, or for a bare address
// the one that is there now. It is nil if there is none.
func (d *directory) watched(item named) *state.Master {
	if item.bare {
		if m, ok := d.at[item.addr]; ok {
			return m
		}
	}
	m, _ := d.Master(item.name)
	return m
}

// isAt reports whether a master has that address, as it is or as clients are told it.
func (d *directory) isAt(m *state.Master, a state.Addr) bool {
	return m.Addr == a || d.Shown(m, m.Addr) == a
}

// add has masters watched that are not.
func (o older) add(d *directory, list []named) *refusal {
	node := *o.options.Node
	quorum, settings := o.options.NewMaster()
	node.Tuning = commands.NewTuning(settings)
	var added []string
	for _, item := range list {
		if m := d.watched(item); m != nil && d.isAt(m, item.addr) {
			continue
		}
		reply := o.doAt(&node, "SENTINEL", "MONITOR", item.name, item.addr.Host, strconv.Itoa(item.addr.Port), strconv.Itoa(quorum))
		if fault := outcome(reply, item.name, "added", added); fault != nil {
			return fault
		}
		added = append(added, item.name)
	}
	return nil
}

// remove ends the watch of masters, if all of them are watched.
func (o older) remove(d *directory, list []named) *refusal {
	var names []string
	for _, item := range list {
		m := d.watched(item)
		if m == nil {
			return outcome(o.do("SENTINEL", "MASTER", item.name), item.name, "", nil)
		}
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return o.removeAll(names)
}

// removeAll ends the watch of the masters of these names.
func (o older) removeAll(names []string) *refusal {
	var removed []string
	for _, name := range names {
		if fault := outcome(o.do("SENTINEL", "REMOVE", name), name, "removed", removed); fault != nil {
			return fault
		}
		removed = append(removed, name)
	}
	return nil
}

// replace has these masters watched and no others. The new ones come first: a
// failure in between leaves too much watched, and not too little.
func (o older) replace(d *directory, list []named) *refusal {
	if fault := o.add(d, list); fault != nil {
		return fault
	}
	wanted := make(map[*state.Master]bool, len(list))
	for _, item := range list {
		wanted[d.watched(item)] = true
	}
	var superfluous []string
	for m := range d.Masters() {
		if !wanted[m] {
			superfluous = append(superfluous, m.Name)
		}
	}
	return o.removeAll(superfluous)
}

// outcome is the error of a reply, nil for none.
func outcome(reply commands.Reply, name, verb string, done []string) *refusal {
	fault, failed := reply.(commands.Error)
	if !failed {
		return nil
	}
	r := &refusal{fault: fault, where: " (at " + name}
	if len(done) > 0 {
		r.where += fmt.Sprintf("; before it these were %s: %s", verb, strings.Join(done, ","))
	}
	r.where += ")"
	return r
}
