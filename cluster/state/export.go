package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Export is what of a document goes with its masters to another group of nodes,
// whatever keeps the document there: masters with their settings, replicas and
// epochs, pauses and the global settings. Members, votes, running failovers, the
// history and the journal stay: they are about the nodes that were.
//
// Nothing in it depends on how Apply or a log entry look, so that a file of one
// version can be read by others; Format says which form it has.
type Export struct {
	Format int `json:"format"`
	// Epoch is the document's: the new one counts on from there.
	Epoch   Epoch            `json:"epoch"`
	Globals []ExportedOption `json:"globals"`
	Masters []ExportedMaster `json:"masters"`
	// Withheld: passwords were left out.
	Withheld bool `json:"passwords_withheld"`
}

// ExportFormat is the only form of Export there has been.
const ExportFormat = 1

// ExportedMaster is one master of an Export.
type ExportedMaster struct {
	Name    string `json:"name"`
	Address Addr   `json:"address"`
	// IP is what the host stands for, if it is a name.
	IP          string `json:"ip,omitempty"`
	Quorum      int    `json:"quorum"`
	ConfigEpoch Epoch  `json:"config_epoch"`
	Replicas    []Addr `json:"replicas"`
	// Options are the assignments that SENTINEL SET takes.
	Options []ExportedOption `json:"options"`
	// Paused is nil for one that is not.
	Paused *ExportedPause `json:"paused,omitempty"`
	// Withheld are the names of options that were left out, being secret.
	Withheld []string `json:"withheld,omitempty"`
}

// ExportedOption is an Option in the words of an export: values, or, of secret ones
// and those that are no text, secrets in base64.
type ExportedOption Option

type exportedWire struct {
	Name    string   `json:"name"`
	Values  []string `json:"values,omitempty"`
	Secrets []Secret `json:"secrets,omitempty"`
}

// MarshalJSON writes an option for an export, secrets and all.
func (o ExportedOption) MarshalJSON() ([]byte, error) {
	return json.Marshal(exportedWire(Option(o).wire()))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *ExportedOption) UnmarshalJSON(text []byte) error {
	var w exportedWire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*o = ExportedOption(wireOption(w).option())
	return nil
}

// Settings are the global settings of the export, as OpConfig takes them.
func (e Export) Settings() []Option {
	var list []Option
	for _, o := range e.Globals {
		list = append(list, Option(o))
	}
	return list
}

// ExportedPause is a pause that stands. Its length is counted anew.
type ExportedPause struct {
	By           string `json:"by"`
	Why          string `json:"why"`
	Milliseconds int64  `json:"milliseconds"`
}

// Export takes out of the document what goes to another group. Passwords go with
// it only if secrets is true.
func (s *State) Export(secrets bool) Export {
	e := Export{Format: ExportFormat, Epoch: s.Epoch, Globals: []ExportedOption{}, Masters: []ExportedMaster{}}
	keep := func(o Option) bool {
		if withheld := !secrets && OptionSecret(o.Name); !withheld {
			return true
		}
		e.Withheld = true
		return false
	}
	for _, o := range s.globals {
		if keep(o) {
			e.Globals = append(e.Globals, ExportedOption(o))
		}
	}
	for m := range s.Masters() {
		x := ExportedMaster{Name: m.Name, Address: m.Addr, Quorum: m.Quorum, ConfigEpoch: m.ConfigEpoch, Replicas: []Addr{}, Options: []ExportedOption{}}
		if !IsIP(m.Addr.Host) {
			x.IP = m.IP(m.Addr)
		}
		for _, r := range m.Replicas {
			x.Replicas = append(x.Replicas, r.Addr)
		}
		for _, o := range m.Options() {
			if keep(o) {
				x.Options = append(x.Options, ExportedOption(o))
			} else {
				x.Withheld = append(x.Withheld, o.Name)
			}
		}
		if p := m.Pause; p != nil {
			x.Paused = &ExportedPause{By: p.By, Why: p.Why, Milliseconds: p.For.Milliseconds()}
		}
		e.Masters = append(e.Masters, x)
	}
	return e
}

// ReadExport reads an Export that Apply will accept: it says what is wrong with
// one that is damaged, of another form, or that nothing would come of. A field
// that it does not know is wrong too: it may be what matters.
func ReadExport(text []byte) (Export, error) {
	var e Export
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return Export{}, fmt.Errorf("not an export of redis-failover: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Export{}, fmt.Errorf("not an export of redis-failover: something follows it")
	}
	if e.Format != ExportFormat {
		return Export{}, fmt.Errorf("the export has format %d, this build reads %d", e.Format, ExportFormat)
	}
	return e, e.check()
}

// check applies the export to an empty document.
func (e Export) check() error {
	for _, o := range e.Globals {
		if err := CheckGlobal(Option(o)); err != nil {
			return fmt.Errorf("global setting: %w", err)
		}
	}
	names := map[string]bool{}
	for i := range e.Masters {
		x := &e.Masters[i]
		if names[x.Name] {
			return fmt.Errorf("master %q is there twice", x.Name)
		}
		names[x.Name] = true
		monitor, err := e.Monitor(x)
		if err != nil {
			return err
		}
		if fault := checkMonitor(monitor); fault != "" {
			return fmt.Errorf("master %q: %s", x.Name, fault)
		}
		for _, a := range append([]Addr{x.Address}, x.Replicas...) {
			if !IsHost(a.Host) {
				return fmt.Errorf("master %q: %q is no host", x.Name, a.Host)
			}
		}
		if x.IP != "" && !IsIP(x.IP) {
			return fmt.Errorf("master %q: %q is no IP address", x.Name, x.IP)
		}
	}
	return nil
}

// Monitor is the op that adds a master of the export, or what is wrong with it.
func (e Export) Monitor(x *ExportedMaster) (OpMonitor, error) {
	m := Master{Settings: DefaultSettings()}
	for _, o := range x.Options {
		if o.Name == "quorum" {
			return OpMonitor{}, fmt.Errorf("master %q: the quorum is no option of an export", x.Name)
		}
		if err := m.Set(Option(o)); err != nil {
			return OpMonitor{}, fmt.Errorf("master %q: %w", x.Name, err)
		}
	}
	op := OpMonitor{
		Name: x.Name, Addr: x.Address, IP: x.IP, Quorum: x.Quorum, Settings: m.Settings,
		Replicas: slices.Clone(x.Replicas), ConfigEpoch: x.ConfigEpoch, Epoch: e.Epoch,
	}
	if p := x.Paused; p != nil {
		// Clamped, so that no length becomes another one.
		length := time.Duration(max(-1, min(p.Milliseconds, maxMillis))) * time.Millisecond
		op.Pause = &OpPause{By: p.By, Why: p.Why, For: length}
	}
	return op, nil
}
