package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// openAPI describes /api/v1/; the tests hold each answer against it.
//
//go:embed openapi.json
var openAPI []byte

// api are the routes below /api/v1/. Each is a command of SENTINEL, or a few: what
// they check and whom they let is decided there.
func (s *Server) api() map[string]func(*exchange) {
	return map[string]func(*exchange){
		"GET /masters":                    func(e *exchange) { e.reply(http.StatusOK, e.do("SENTINEL", "MASTERS")) },
		"POST /masters":                   (*exchange).monitor,
		"GET /masters/{name}":             func(e *exchange) { e.ofMaster("MASTER") },
		"PATCH /masters/{name}":           (*exchange).set,
		"DELETE /masters/{name}":          func(e *exchange) { e.done(e.do("SENTINEL", "REMOVE", e.name())) },
		"GET /masters/{name}/address":     (*exchange).address,
		"GET /masters/{name}/replicas":    func(e *exchange) { e.ofMaster("REPLICAS") },
		"GET /masters/{name}/sentinels":   func(e *exchange) { e.ofMaster("SENTINELS") },
		"GET /masters/{name}/quorum":      (*exchange).quorum,
		"GET /masters/{name}/failover":    (*exchange).failovers,
		"POST /masters/{name}/failover":   (*exchange).failOver,
		"GET /masters/{name}/explanation": func(e *exchange) { e.ofMaster("EXPLAIN") },
		"GET /masters/{name}/foreign":     func(e *exchange) { e.ofMaster("FOREIGN") },
		"POST /masters/{name}/pause":      (*exchange).pause,
		"POST /masters/{name}/resume":     func(e *exchange) { e.done(e.do("SENTINEL", "RESUME", e.name())) },
		"POST /masters/{name}/reset":      (*exchange).reset,
		"POST /reset":                     (*exchange).resetAll,
		"GET /config":                     func(e *exchange) { e.reply(http.StatusOK, e.do("SENTINEL", "CONFIG", "GET", "*")) },
		"PATCH /config":                   (*exchange).configure,
		"GET /members":                    func(e *exchange) { e.reply(http.StatusOK, e.do("SENTINEL", "MEMBERS")) },
		"POST /members":                   (*exchange).addMember,
		"DELETE /members/{id}":            func(e *exchange) { e.done(e.do("SENTINEL", "MEMBER", "REMOVE", e.r.PathValue("id"))) },
		"GET /events":                     (*exchange).events,
		"GET /openapi.json":               (*exchange).describe,
	}
}

// name is the master that the path names.
func (e *exchange) name() string { return e.r.PathValue("name") }

// ofMaster answers with a subcommand of SENTINEL about the master.
func (e *exchange) ofMaster(subcommand string) {
	e.reply(http.StatusOK, e.do("SENTINEL", subcommand, e.name()))
}

// done answers a change that leaves nothing to show.
func (e *exchange) done(reply commands.Reply) {
	if !e.failed(reply) {
		e.w.WriteHeader(http.StatusNoContent)
	}
}

func (e *exchange) monitor() {
	var master struct {
		Name   string `json:"name"`
		IP     string `json:"ip"`
		Port   int64  `json:"port"`
		Quorum int64  `json:"quorum"`
	}
	if !e.body(&master) {
		return
	}
	if master.Name == "" {
		e.problem(http.StatusBadRequest, "ERR", "the master needs a name")
		return
	}
	if master.Quorum == 0 {
		quorum, _ := e.options.NewMaster()
		master.Quorum = int64(quorum)
	}
	_, there := e.options.Node.Broker.State().Master(master.Name)
	if e.failed(e.do("SENTINEL", "MONITOR", master.Name, master.IP, strconv.FormatInt(master.Port, 10), strconv.FormatInt(master.Quorum, 10))) {
		return
	}
	status := http.StatusCreated
	if there { // the same again
		status = http.StatusOK
	}
	e.w.Header().Set("Location", apiPrefix+"/masters/"+url.PathEscape(master.Name))
	e.reply(status, e.do("SENTINEL", "MASTER", master.Name))
}

// set takes an object whose keys are the options of SENTINEL SET.
func (e *exchange) set() {
	if words, ok := e.settings("SENTINEL", "SET", e.name()); ok && !e.failed(e.do(words...)) {
		e.ofMaster("MASTER")
	}
}

// configure takes an object whose keys are the settings of SENTINEL CONFIG SET.
func (e *exchange) configure() {
	if words, ok := e.settings("SENTINEL", "CONFIG", "SET"); ok {
		e.done(e.do(words...))
	}
}

// settings makes a command of the names and values of the body, in the order of the
// names.
func (e *exchange) settings(words ...string) ([]string, bool) {
	var options map[string]any
	if !e.body(&options) {
		return nil, false
	}
	for _, option := range slices.Sorted(maps.Keys(options)) {
		values, err := optionValues(options[option])
		if err != nil {
			e.problem(http.StatusBadRequest, "ERR", fmt.Sprintf("%.100q: %v", option, err))
			return nil, false
		}
		// More would be read as further options.
		if wanted, _ := state.OptionValues(option); len(values) != max(wanted, 1) {
			e.problem(http.StatusBadRequest, "ERR", fmt.Sprintf("%.100q: it has %d values, where %d would be right", option, len(values), max(wanted, 1)))
			return nil, false
		}
		words = append(append(words, option), values...)
	}
	if len(options) == 0 {
		e.problem(http.StatusBadRequest, "ERR", "the object names no setting")
		return nil, false
	}
	return words, true
}

// optionValues are the words that follow an option's name.
func optionValues(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case json.Number:
		return []string{v.String()}, nil
	case bool:
		return []string{map[bool]string{true: "yes", false: "no"}[v]}, nil
	case []any:
		var words []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("the list has an item that is not a string")
			}
			words = append(words, text)
		}
		return words, nil
	}
	return nil, fmt.Errorf("the value must be a string, a number, true, false or a list of strings")
}

func (e *exchange) address() {
	reply := e.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", e.name())
	if e.failed(reply) {
		return
	}
	pair, _ := plain(reply).([]any)
	if len(pair) != 2 {
		e.problem(http.StatusNotFound, "ERR", "No such master with that name")
		return
	}
	port, err := strconv.Atoi(fmt.Sprint(pair[1]))
	if err != nil {
		e.problem(http.StatusInternalServerError, "ERR", err.Error())
		return
	}
	e.json(http.StatusOK, map[string]any{"ip": pair[0], "port": port})
}

func (e *exchange) quorum() {
	reply := e.do("SENTINEL", "CKQUORUM", e.name())
	if !e.failed(reply) {
		e.json(http.StatusOK, map[string]any{"message": plain(reply)})
	}
}

func (e *exchange) failOver() {
	if e.failed(e.do("SENTINEL", "FAILOVER", e.name())) {
		return
	}
	e.w.Header().Set("Location", apiPrefix+"/masters/"+url.PathEscape(e.name())+"/failover")
	e.w.WriteHeader(http.StatusAccepted)
}

// failovers answers with the failover that runs and those that are over.
func (e *exchange) failovers() {
	reply := e.do("SENTINEL", "HISTORY", e.name())
	if e.failed(reply) {
		return
	}
	past, _ := plain(reply).([]any)
	var running any
	if len(past) > 0 {
		if first, _ := past[0].(map[string]any); first["outcome"] == "" {
			running, past = first, past[1:]
		}
	}
	e.json(http.StatusOK, map[string]any{"running": running, "past": past})
}

func (e *exchange) pause() {
	var request struct {
		Seconds int64  `json:"seconds"`
		Reason  string `json:"reason"`
	}
	if !e.body(&request) {
		return
	}
	words := []string{"SENTINEL", "PAUSE", e.name()}
	if request.Seconds != 0 {
		words = append(words, "FOR", strconv.FormatInt(request.Seconds, 10))
	}
	if request.Reason != "" {
		words = append(words, "REASON", request.Reason)
	}
	e.done(e.do(words...))
}

// literal is the pattern that matches this name and no other.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

func (e *exchange) reset() {
	reply := e.do("SENTINEL", "RESET", literal.Replace(e.name()))
	switch {
	case e.failed(reply):
	case reply == commands.Int(0):
		e.problem(http.StatusNotFound, "ERR", "No such master with that name")
	default:
		e.w.WriteHeader(http.StatusNoContent)
	}
}

func (e *exchange) resetAll() {
	var request struct {
		Pattern string `json:"pattern"`
	}
	if !e.body(&request) {
		return
	}
	if request.Pattern == "" {
		e.problem(http.StatusBadRequest, "ERR", `the object needs a pattern of names; "*" is all masters`)
		return
	}
	reply := e.do("SENTINEL", "RESET", request.Pattern)
	if !e.failed(reply) {
		e.json(http.StatusOK, map[string]any{"masters": plain(reply)})
	}
}

func (e *exchange) addMember() {
	var request struct {
		Address string `json:"address"`
	}
	if !e.body(&request) {
		return
	}
	e.done(e.do("SENTINEL", "MEMBER", "ADD", request.Address))
}

func (e *exchange) describe() {
	e.w.Header().Set("Content-Type", "application/json")
	_, _ = e.w.Write(openAPI) // whoever has gone does not miss it
}
