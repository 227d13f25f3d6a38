package failover_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// scene is what a script plays in: one node that runs the core, the document,
// and servers that answer at once. The other nodes exist in the document only;
// the script says what they do.
type scene struct {
	now     failover.Moment
	begin   failover.Moment
	self    state.MemberID
	name    string
	doc     *state.State
	seq     uint64
	watch   *failover.Watch
	wake    failover.Moment
	ready   bool // the log takes proposals
	blind   bool // what the others do is not seen at once
	held    bool // proposals wait for the script
	waiting []failover.Proposal
	barrier bool // a barrier waits for the script
	begun   failover.Moment
	probes  bool // show them
	listens bool // show where this node subscribes
	servers map[state.Addr]*model
	planned []planned
	out     strings.Builder
	why     string
	asked   uint64
}

// planned is something that happens at a moment.
type planned struct {
	at  failover.Moment
	run func()
}

// model is one Redis server: what it answers, if it does.
type model struct {
	facts    *failover.Facts // shared by the addresses of one server
	silent   bool
	refusing bool
	// deaf: it takes orders and does not follow them. loading: it refuses them.
	// forbidding: it refuses them for good.
	deaf       bool
	loading    bool
	forbidding bool
	// ping is the error that it answers PING with, "" for PONG.
	ping string
	// lagging: its link to a new master stays down until link=up.
	lagging bool
	// slow is how long it takes to answer.
	slow   time.Duration
	linked bool
}

const (
	// latency is how long everything takes in a scene.
	latency = time.Millisecond
	// origin is what the node's clock shows at the begin of a scene.
	origin = failover.Moment(1000 * time.Second)
)

var timing = failover.Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second}

func newScene() *scene {
	return &scene{now: origin, begin: origin, doc: state.New(), ready: true, servers: map[state.Addr]*model{}}
}

// said returns what was said since the last time.
func (sc *scene) said() string {
	text := sc.out.String()
	sc.out.Reset()
	return text
}

func (sc *scene) say(format string, args ...any) {
	fmt.Fprintf(&sc.out, "%.3f %s\n", sc.now.Sub(sc.begin).Seconds(), fmt.Sprintf(format, args...))
}

// do carries out one command:
//
//	node a of a b c            the members, and which of them this is
//	group 10.0.0.1:6379 k=v …  monitor "mymaster", with options of SENTINEL SET
//	server ADDR word k=v …     what a server is: see model.set
//	wait 1.5s                  let time pass
//	until WORDS                let time pass until a line contains the words
//	vote b down|up             another member votes
//	alive b yes|no             a member is or is not heard of
//	begin b auto|manual        another member begins a failover
//	take b                     another member takes the failover over
//	switch b ADDR              another member carries a failover through
//	unseen on|off              this node does not see what the others do, yet
//	grant b ADDR               another member gets the right to repair a replica
//	observe ADDR RUNID         another member saw a replica's run id
//	set k v, reset, remove     SENTINEL SET, RESET, REMOVE
//	manual                     SENTINEL FAILOVER at this node
//	paused [5s], resumed       somebody keeps our hands off the group, or ends that
//	pause 5s                   this process does not run for a while
//	restart                    this process ends and another one begins
//	log on|off                 the log takes proposals, or does not
//	commits held|auto          proposals and barriers wait for "commit" or "fail"
//	commit [KEY], fail [KEY]   what has been held
//	probes on|off              show the probes
//	listens on|off             show where this node listens for Sentinels
//	hello ID ADDR              a Sentinel greets at the master
//	deafened ADDR [refused]    the subscription at a server ends
//	show                       the failover record
func (sc *scene) do(words []string) error {
	rest := words[1:]
	switch words[0] {
	case "node":
		return sc.node(rest)
	case "group":
		return sc.group(rest)
	case "server":
		return sc.server(rest)
	case "wait":
		d, err := time.ParseDuration(rest[0])
		sc.pass(d)
		return err
	case "until":
		return sc.until(strings.Join(rest, " "))
	case "vote", "alive", "begin", "take", "grant", "observe", "set", "reset", "remove", "paused", "resumed":
		return sc.others(words[0], rest)
	case "manual":
		sc.asked++
		sc.step(failover.Input{Kind: failover.Manual, Request: sc.asked})
	case "pause":
		d, err := time.ParseDuration(rest[0])
		sc.now = sc.now.Add(d)
		sc.step(failover.Input{Kind: failover.Paused, Pause: d})
		return err
	case "restart":
		sc.restart()
	case "log":
		sc.ready = rest[0] == "on"
		sc.woken()
	case "unseen":
		if sc.blind = rest[0] == "on"; !sc.blind {
			sc.woken()
		}
	case "switch":
		return sc.switchTo(state.MemberID(rest[0]), rest[1])
	case "commits":
		sc.held = rest[0] == "held"
	case "commit", "fail":
		sc.release(words[0] == "commit", rest)
	case "probes":
		sc.probes = rest[0] == "on"
	case "listens":
		sc.listens = rest[0] == "on"
	case "hello":
		return sc.hello(state.MemberID(rest[0]), rest[1])
	case "deafened":
		addr, err := state.ParseAddr(rest[0])
		sc.step(failover.Input{Kind: failover.Deafened, Addr: addr, Refused: len(rest) > 1})
		return err
	case "show":
		sc.show()
	default:
		return fmt.Errorf("unknown command %q", words[0])
	}
	return nil
}

// hello is a greeting of a Sentinel that has the master right.
func (sc *scene) hello(id state.MemberID, at string) error {
	addr, err := state.ParseAddr(at)
	m, _ := sc.doc.Master(sc.name)
	sc.step(failover.Input{Kind: failover.Greeted, Addr: m.Addr, Hello: failover.Hello{Addr: addr, ID: id, Name: sc.name, Master: m.Addr}})
	return err
}

func (sc *scene) node(words []string) error {
	if len(words) < 3 || words[1] != "of" {
		return errors.New("say: node a of a b c")
	}
	sc.self = state.MemberID(words[0])
	for _, id := range words[2:] {
		sc.apply(state.OpMember{Member: state.Member{ID: state.MemberID(id), Schema: state.SchemaVersion, Alive: true}})
	}
	return nil
}

func (sc *scene) group(words []string) error {
	addr, err := state.ParseAddr(words[0])
	if err != nil {
		return err
	}
	sc.name = "mymaster"
	op := state.OpMonitor{Name: sc.name, Addr: addr, Quorum: 2, Settings: state.DefaultSettings()}
	op.Settings.DownAfter, op.Settings.FailoverTimeout, op.Settings.WitnessWait = time.Second, 10*time.Second, 0
	sc.apply(op)
	for _, word := range words[1:] {
		if err := sc.set(word); err != nil {
			return err
		}
	}
	sc.out.Reset() // of no interest
	sc.watch = failover.NewWatch(sc.name, sc.now, 0)
	sc.woken()
	return nil
}

func (sc *scene) set(word string) error {
	name, value, _ := strings.Cut(word, "=")
	return sc.apply(state.OpSet{Name: sc.name, Options: []state.Option{{Name: name, Values: []string{value}}}})
}

// server changes a model, and makes it if there is none.
func (sc *scene) server(words []string) error {
	addr, err := state.ParseAddr(words[0])
	if err != nil {
		return err
	}
	s := sc.servers[addr]
	if s == nil {
		id := strconv.Itoa(len(sc.servers) + 1)
		s = &model{facts: &failover.Facts{
			RunID: state.RunID("run" + id), Role: failover.RoleMaster, ReplID: "h1", SecondOffset: -1,
			Priority: 100, Offset: 100, HasOffset: true, Announced: true, LastIO: -time.Second,
		}}
		sc.servers[addr] = s
	}
	for _, word := range words[1:] {
		if other, same := strings.CutPrefix(word, "same="); same {
			a, err := state.ParseAddr(other)
			if err != nil || sc.servers[a] == nil {
				return fmt.Errorf("%q names no server", word)
			}
			s.facts = sc.servers[a].facts
			continue
		}
		if err := s.set(word); err != nil {
			return err
		}
	}
	if s.refusing && s.linked {
		s.linked = false
		sc.step(failover.Input{Kind: failover.Unlinked, Addr: addr, At: sc.now, Err: errors.New("connection reset")})
	}
	return nil
}

// set understands the words up, silent, refusing, deaf, hearing, loading, loaded,
// forbidding, allowing, lagging and master; same=ADDR (it is that server's other address), ping=MISCONF (is answered so; ping=PONG), slow=100ms (to answer), of=ADDR (it follows), link=up|down|never|sync, down=5s (its link),
// list=ADDR,ADDR (its replicas), priority, offset, runid, replid, replid2.
func (s *model) set(word string) error {
	key, value, _ := strings.Cut(word, "=")
	f := s.facts
	var err error
	switch key {
	case "up":
		s.silent, s.refusing = false, false
	case "silent":
		s.silent = true
	case "refusing":
		s.refusing = true
	case "slow":
		s.slow, err = time.ParseDuration(value)
	case "deaf", "hearing":
		s.deaf = key == "deaf"
	case "loading", "loaded":
		s.loading = key == "loading"
	case "lagging":
		s.lagging = true
	case "forbidding", "allowing":
		s.forbidding = key == "forbidding"
	case "ping":
		if s.ping = value; value == "PONG" {
			s.ping = ""
		}
	case "master":
		f.Role, f.MasterHost, f.MasterPort = failover.RoleMaster, "", 0
	case "of":
		err = s.follow(value)
	case "link":
		f.LinkUp, f.Syncing = value == "up", value == "sync"
		f.LinkDown = map[string]time.Duration{"down": time.Second, "never": -time.Second}[value]
	case "down":
		f.LinkUp = false
		f.LinkDown, err = time.ParseDuration(value)
	case "list":
		err = s.list(value)
	case "priority":
		f.Priority, err = strconv.Atoi(value)
	case "offset":
		f.Offset, err = strconv.ParseInt(value, 10, 64)
	case "runid":
		f.RunID = state.RunID(value)
	case "replid":
		f.ReplID = state.ReplID(value)
	case "replid2":
		f.ReplID2 = state.ReplID(value)
	default:
		err = fmt.Errorf("unknown word %q", word)
	}
	return err
}

func (s *model) list(value string) error {
	s.facts.Replicas = nil
	for text := range strings.SplitSeq(value, ",") {
		a, err := state.ParseAddr(text)
		if err != nil {
			return err
		}
		s.facts.Replicas = append(s.facts.Replicas, a)
	}
	return nil
}

func (s *model) follow(value string) error {
	a, err := state.ParseAddr(value)
	f := s.facts
	f.Role, f.MasterHost, f.MasterPort, f.LinkUp, f.LinkDown, f.Replicas = failover.RoleReplica, a.Host, a.Port, true, 0, nil
	return err
}

// pass lets time pass.
func (sc *scene) pass(d time.Duration) {
	for end := sc.now.Add(d); ; {
		if !sc.next(end) {
			sc.now = end
			return
		}
	}
}

// until lets time pass until something is said that contains the words.
func (sc *scene) until(words string) error {
	const patience = 5 * time.Minute
	before := sc.out.Len()
	for end := sc.now.Add(patience); !strings.Contains(sc.out.String()[before:], words); {
		if !sc.next(end) {
			return fmt.Errorf("nobody says %q within %s: %s", words, patience, sc.said())
		}
	}
	return nil
}

// next does what comes next, if that is before end.
func (sc *scene) next(end failover.Moment) bool {
	if len(sc.planned) > 0 && sc.planned[0].at <= min(sc.wake, end) {
		p := sc.planned[0]
		sc.planned = sc.planned[1:]
		sc.now = max(sc.now, p.at)
		p.run()
		return true
	}
	if sc.watch == nil || sc.wake > end {
		return false
	}
	sc.now = max(sc.now, sc.wake)
	sc.woken()
	return true
}

// after plans something.
func (sc *scene) after(d time.Duration, run func()) {
	at := sc.now.Add(d)
	i := len(sc.planned)
	for i > 0 && sc.planned[i-1].at > at {
		i--
	}
	sc.planned = slices.Insert(sc.planned, i, planned{at, run})
}

func (sc *scene) woken() { sc.step(failover.Input{Kind: failover.Woken}) }

// step runs the core and carries out what it decides.
func (sc *scene) step(in failover.Input) {
	if sc.watch == nil {
		return
	}
	if in.Kind != failover.Confirmed && in.At == 0 {
		in.At = sc.now
	}
	env := failover.Env{Now: sc.now, Self: sc.self, Doc: sc.doc, CanCommit: sc.ready, Timing: timing}
	out := failover.Step(env, sc.watch, in)
	sc.wake = max(out.Wake, sc.now+1)
	sc.dropLinks()
	if why := sc.watch.Why(); why != sc.why {
		sc.why = why
		if why != "" {
			sc.say("why: %s", why)
		}
	}
	for _, e := range out.Events {
		sc.say("event %s %s", e.Name, e.Payload)
	}
	for _, a := range out.Answers {
		sc.say("answer %d: %v", a.Request, a.Err)
	}
	for _, o := range out.Orders {
		sc.order(o)
	}
	for _, p := range out.Proposals {
		sc.propose(p)
	}
	if out.Barrier {
		sc.askBarrier()
	}
}

// dropLinks ends the connections to servers that the document no longer has, as
// the loop does.
func (sc *scene) dropLinks() {
	m, _ := sc.doc.Master(sc.name)
	for a, s := range sc.servers {
		if m == nil {
			s.linked = false
			continue
		}
		if _, known := m.Replica(a); !known && a != m.Addr {
			s.linked = false
		}
	}
}

func (sc *scene) order(o failover.Order) {
	s := sc.servers[o.Addr]
	if s == nil {
		s = &model{silent: true}
		sc.servers[o.Addr] = s
	}
	switch o.Kind {
	case failover.Probe:
		if sc.probes {
			sc.say("probe %s %s", o.Addr, [...]string{"", "replication", "all"}[o.Info])
		}
		sent := sc.now
		sc.after(latency+s.slow, func() { sc.answer(o.Addr, s, sent, o.Info == failover.InfoAll, true) })
	case failover.Drop:
		if sc.probes {
			sc.say("drop %s", o.Addr)
		}
		s.linked = false
		sc.after(0, func() {
			sc.step(failover.Input{Kind: failover.Unlinked, Addr: o.Addr})
		})
	case failover.Reconfigure:
		sc.reconfigure(o, s)
	case failover.Listen:
		if sc.listens {
			sc.say("listen %s", o.Addr)
		}
	case failover.KillScript:
		sc.say("script kill %s", o.Addr)
	}
}

// answer is a server's reply to a probe.
func (sc *scene) answer(a state.Addr, s *model, sent failover.Moment, full, ping bool) {
	switch {
	case s.refusing:
		sc.step(failover.Input{Kind: failover.Unlinked, Addr: a, Refused: true, Err: errors.New("connection refused")})
		return
	case s.silent:
		return
	case !s.linked:
		s.linked = true
		sc.step(failover.Input{Kind: failover.Linked, Addr: a})
	}
	if ping {
		sc.step(failover.Input{Kind: failover.Pong, Addr: a, SentAt: sent, Valid: s.ping == "", Text: s.ping, Loading: s.loading})
	}
	facts := *s.facts
	facts.Loading = full && s.loading
	if !full {
		facts.RunID = ""
	}
	sc.step(failover.Input{Kind: failover.Info, Addr: a, SentAt: sent, Full: full, Facts: facts})
}

// reconfigure asks the fence and sends the order.
func (sc *scene) reconfigure(o failover.Order, s *model) {
	grant := fmt.Sprintf("epoch %d, claim %d", o.Fence.Claim.Epoch, o.Fence.Claim.Number)
	if o.Fence.Repair != 0 {
		grant = fmt.Sprintf("repair %d", o.Fence.Repair)
	}
	target := "nobody"
	if !o.Target.IsZero() {
		target = o.Target.String()
	}
	sc.say("order %s to follow %s (%s)", o.Addr, target, grant)
	if !o.Fence.Holds(sc.now, sc.doc) {
		sc.say("order not sent, the fence does not hold")
		return
	}
	sent := sc.now
	sc.after(latency, func() {
		var err error
		switch {
		case s.silent || s.refusing:
			return
		case s.loading:
			err = errors.New("LOADING")
		case s.forbidding:
			err = errors.New("NOPERM no permissions to run 'slaveof'")
		case !s.deaf:
			s.obey(o.Target)
		}
		sc.step(failover.Input{Kind: failover.Ordered, Addr: o.Addr, Err: err, Refused: err != nil})
		sc.answer(o.Addr, s, sent, false, false)
	})
}

// obey is SLAVEOF.
func (s *model) obey(target state.Addr) {
	if !target.IsZero() {
		_ = s.follow(target.String()) // an address that was parsed before
		s.facts.LinkUp = !s.lagging
		return
	}
	f := s.facts
	if f.Role == failover.RoleReplica {
		f.ReplID, f.ReplID2 = f.ReplID+"'", f.ReplID
	}
	f.Role, f.MasterHost, f.MasterPort, f.LinkUp = failover.RoleMaster, "", 0, false
}

// apply changes the document on behalf of anybody.
func (sc *scene) apply(op state.Op) error {
	outcome := sc.commit(op)
	if outcome.Refused() {
		return errors.New(outcome.Detail)
	}
	return nil
}

func (sc *scene) commit(op state.Op) state.Outcome {
	sc.seq++
	doc, outcome := state.Apply(sc.doc, sc.doc.Index+1, state.Mutation{ID: state.MutationID{Member: "any", Seq: sc.seq}, Op: op})
	sc.doc = doc
	for _, e := range outcome.Events {
		sc.say("agreed %s %s", e.Name, e.Payload)
	}
	return outcome
}

func (sc *scene) propose(p failover.Proposal) {
	sc.say("propose %s", proposalText(p))
	if sc.held {
		sc.waiting = append(sc.waiting, p)
		return
	}
	sc.after(latency, func() { sc.settle(p, true) })
}

// settle ends a proposal.
func (sc *scene) settle(p failover.Proposal, well bool) {
	in := failover.Input{Kind: failover.Proposed, Key: p.Key}
	if well {
		in.Outcome = sc.commit(p.Op)
		if in.Outcome.Refused() {
			sc.say("refused %s: %s", p.Key, in.Outcome.Refusal)
		}
	} else {
		in.Err = errors.New("outcome unknown")
	}
	sc.step(in)
}

func (sc *scene) askBarrier() {
	sc.say("barrier")
	sc.barrier, sc.begun = true, sc.now
	if !sc.held {
		sc.after(latency, func() { sc.endBarrier(nil) })
	}
}

func (sc *scene) endBarrier(err error) {
	sc.barrier = false
	sc.step(failover.Input{Kind: failover.Confirmed, SentAt: sc.begun, Err: err})
}

// release ends what was held: all, or what has the key.
func (sc *scene) release(well bool, keys []string) {
	waiting := sc.waiting
	sc.waiting = nil
	for _, p := range waiting {
		if len(keys) > 0 && !slices.Contains(keys, p.Key) {
			sc.waiting = append(sc.waiting, p)
			continue
		}
		sc.settle(p, well)
	}
	if sc.barrier && (len(keys) == 0 || slices.Contains(keys, "barrier")) {
		var err error
		if !well {
			err = errors.New("outcome unknown")
		}
		sc.endBarrier(err)
	}
}

// others is what people and the other members do.
func (sc *scene) others(what string, words []string) error {
	m, _ := sc.doc.Master(sc.name)
	var op state.Op
	switch what {
	case "vote":
		op = state.OpVote{Member: state.MemberID(words[0]), Votes: []state.Ballot{{Name: sc.name, Generation: m.Generation, Down: words[1] == "down"}}}
	case "alive":
		op = state.OpAlive{Member: state.MemberID(words[0]), Alive: words[1] == "yes"}
	case "begin":
		op = state.OpBegin{Name: sc.name, Generation: m.Generation, Kind: state.FailoverKind(words[1]), Member: state.MemberID(words[0]), After: m.LastAttempt}
	case "take":
		op = state.OpTakeOver{Name: sc.name, From: m.Failover.Claim, Member: state.MemberID(words[0]), Reason: "the script says so"}
	case "grant":
		a, err := state.ParseAddr(words[1])
		if err != nil {
			return err
		}
		op = state.OpRepair{Name: sc.name, Generation: m.Generation, Addr: a, Kind: state.RepairConvert, Member: state.MemberID(words[0])}
	case "observe":
		a, err := state.ParseAddr(words[0])
		if err != nil {
			return err
		}
		op = state.OpObserve{Name: sc.name, Generation: m.Generation, Replicas: []state.SeenReplica{{Addr: a, RunID: state.RunID(words[1])}}}
	case "set":
		op = state.OpSet{Name: sc.name, Options: []state.Option{{Name: words[0], Values: words[1:]}}}
	case "reset":
		op = state.OpReset{Names: []string{sc.name}}
	case "remove":
		op = state.OpRemove{Name: sc.name}
	case "paused":
		pause := state.OpPause{Name: sc.name, By: "ann"}
		if len(words) > 0 {
			length, err := time.ParseDuration(words[0])
			if err != nil {
				return err
			}
			pause.For = length
		}
		op = pause
	case "resumed":
		op = state.OpResume{Name: sc.name, By: "ann"}
	}
	err := sc.apply(op)
	if !sc.blind {
		sc.woken()
	}
	return err
}

// switchTo is a whole failover that another member carries out; this node learns
// of it when it is over.
func (sc *scene) switchTo(by state.MemberID, to string) error {
	addr, err := state.ParseAddr(to)
	if err != nil {
		return err
	}
	m, _ := sc.doc.Master(sc.name)
	claim := sc.commit(state.OpBegin{Name: sc.name, Generation: m.Generation, Kind: state.Manual, Member: by, After: m.LastAttempt}).Claim
	for _, op := range []state.Op{
		state.OpSelect{Name: sc.name, Claim: claim, Candidate: addr},
		state.OpPromoted{Name: sc.name, Claim: claim, ReplID: sc.servers[addr].facts.ReplID},
		state.OpEnd{Name: sc.name, Claim: claim},
	} {
		if err := sc.apply(op); err != nil {
			return err
		}
	}
	sc.woken()
	return nil
}

// restart begins a new process: nothing is remembered, all connections are new.
func (sc *scene) restart() {
	sc.say("a new process begins")
	sc.planned, sc.waiting, sc.barrier = nil, nil, false
	for _, s := range sc.servers {
		s.linked = false
	}
	sc.watch = failover.NewWatch(sc.name, sc.now, 0)
	sc.why = ""
	sc.woken()
}

func (sc *scene) show() {
	m, ok := sc.doc.Master(sc.name)
	if !ok {
		sc.say("no such master")
		return
	}
	sc.say("master %s, config epoch %d, odown %t, votes %v", m.Addr, m.ConfigEpoch, m.ODown, voters(m))
	for _, f := range sc.watch.View(sc.now, m).Foreign {
		sc.say("foreign sentinel %s at %s, heard %s ago", f.ID, f.Addr, f.LastHeard)
	}
	for _, f := range append(slices.Clone(m.History), running(m)...) {
		sc.say("failover %d.%d by %s, %s, phase %s, candidate %s, outcome %q: %s", f.Epoch, f.Number, f.Holder, f.Kind, f.Phase, f.Candidate, f.Outcome, f.EndReason)
	}
}

func running(m *state.Master) []state.Failover {
	if m.Failover == nil {
		return nil
	}
	return []state.Failover{*m.Failover}
}

func voters(m *state.Master) []state.MemberID {
	var ids []state.MemberID
	for _, v := range m.Votes {
		ids = append(ids, v.Member)
	}
	return ids
}

// proposalText is a proposal in one line.
func proposalText(p failover.Proposal) string {
	switch op := p.Op.(type) {
	case state.OpVote:
		return fmt.Sprintf("vote: down %t", op.Votes[0].Down)
	case state.OpObserve:
		text := "observe:"
		if op.RunID != "" {
			text += fmt.Sprintf(" run id %s", op.RunID)
		}
		if op.ReplID != "" {
			text += fmt.Sprintf(" history %s", op.ReplID)
		}
		for _, r := range op.Replicas {
			text += fmt.Sprintf(" replica %s %s", r.Addr, r.RunID)
		}
		return strings.TrimRight(text, " ")
	case state.OpBegin:
		return fmt.Sprintf("begin: %s, %s", op.Kind, op.Reason)
	case state.OpTakeOver:
		return fmt.Sprintf("take-over: from claim %d, %s", op.From.Number, op.Reason)
	case state.OpSelect:
		text := fmt.Sprintf("select: %s", op.Candidate)
		for _, v := range op.Verdicts {
			text += fmt.Sprintf("; %s %s", v.Addr, v.Reason)
		}
		return text
	case state.OpWait:
		return "wait"
	case state.OpPromoted:
		return fmt.Sprintf("promoted: history %s", op.ReplID)
	case state.OpProgress:
		text := "progress:"
		for _, r := range op.Reconf {
			text += fmt.Sprintf(" %s %s", r.Addr, r.Status)
		}
		return text
	case state.OpEnd:
		return fmt.Sprintf("end: timeout %t", op.Timeout)
	case state.OpAbort:
		return fmt.Sprintf("abort: %s, %s; at once %t", op.Event, op.Reason, op.RetryNow)
	case state.OpRepair:
		return fmt.Sprintf("repair: %s %s, %s", op.Addr, op.Kind, op.Reason)
	case state.OpRepaired:
		return fmt.Sprintf("repaired: %s %t, %s", op.Addr, op.OK, op.Reason)
	}
	return state.Kind(p.Op)
}
