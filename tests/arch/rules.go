package arch

// Places are folders below the root of the module: "." is the root itself,
// "tests/..." is tests and all below it, "..." is everything. Nothing outside
// tests imports what is in tests, whatever else its line says.

// graph lists which of our packages a package may import. A package without a
// line is reported: whoever adds one decides where it stands. Test files are
// free, except that they have to compile.
var graph = []edge{
	{".", []string{"..."}, "main puts everything together"},
	{"conf/fault", nil, "how a fault of a configuration is told, whatever the format"},
	{"conf/sentinelconf", []string{"conf/fault", "cluster/state"}, "a codec for one file format, which knows nothing of the other sources of settings"},
	{"conf", []string{"conf/fault", "conf/sentinelconf", "cluster/state"}, "a leaf: the packages take their part of the settings from it, never the other way"},
	{"certs", []string{"conf", "cluster/state"}, "TLS of files, for main to put below the listener and above the dialler"},
	{"cluster/state", nil, "the vocabulary that everything stands on"},
	{"cluster", []string{"cluster/state"}, "the contract knows no engine"},
	{"cluster/brokertest", []string{"cluster", "cluster/state"}, "one suite for all engines, so it knows none"},
	{"cluster/feed", []string{"cluster", "cluster/state"}, "the part of the contract that is the same for all engines"},
	{"cluster/local", []string{"cluster", "cluster/feed", "cluster/state"}, "what brokers with an outside order have in common knows no engine"},
	{"cluster/datadir", nil, "files and nothing of what is in them"},
	{"cluster/standalone", []string{"cluster", "cluster/feed", "cluster/state", "conf"}, "an engine knows the contract and nothing above it"},
	{"cluster/raft", []string{"cluster", "cluster/datadir", "cluster/local", "cluster/state", "conf"}, "an engine knows the contract and nothing above it"},
	{"cluster/zk", []string{"cluster", "cluster/datadir", "cluster/local", "cluster/state", "conf"}, "an engine knows the contract and nothing above it"},
	{"monitor/failover", []string{"cluster/state"}, "the decisions are made of facts and the document alone, so that the simulator runs the same code"},
	{"monitor/scripts", []string{"cluster", "cluster/feed", "cluster/state"}, "scripts are run for what the document and the monitor say; they decide nothing about servers"},
	{"monitor", []string{"monitor/failover", "cluster", "cluster/feed", "cluster/state", "conf"}, "the effects see a broker by its contract, never an engine"},
	{"commands/acl", nil, "what a user may do is a question of its own, asked by whoever serves users"},
	{"commands", []string{"commands/acl", "monitor/failover", "monitor/scripts", "cluster", "cluster/state"}, "handlers know no connection, so that a test of one needs no socket"},
	{"server", []string{"commands", "monitor/failover", "cluster", "cluster/state", "conf"}, "the listener speaks to everything by way of the commands"},
	{"server/web", []string{"commands", "cluster", "cluster/state", "conf"}, "HTTP says what the commands answer, and knows no other protocol"},
	{"server/metrics", []string{"commands", "monitor/failover", "cluster", "cluster/state"}, "numbers are read from what others know, and decide nothing"},
	{"examples/...", []string{"..."}, "examples show what an embedder may use"},
	{"tests/...", []string{"..."}, "tests look at everything"},
}

// libraries lists where each outside library is at home, so that replacing one
// is the work of one package. A library without a line is reported: the
// standard library comes first. Test files may use what is at home in tests.
var libraries = []library{
	{"github.com/tidwall/redcon", []string{"server"}, "RESP towards clients is the server's"},
	{"github.com/gomodule/redigo", []string{".", "monitor", "tests/..."}, "RESP towards Redis is the monitor's, and the tests'; main asks nodes with it to export and to import"},
	{"github.com/lni/dragonboat", []string{"cluster/raft"}, "nobody but this broker may know that there is raft"},
	{"github.com/lni/vfs", []string{"cluster/raft"}, "dragonboat sees its files through it"},
	{"github.com/go-zookeeper/zk", []string{"cluster/zk"}, "nobody but this broker may know that there is ZooKeeper"},
	{"github.com/spf13/viper", []string{"conf"}, "where a setting comes from is known to conf alone"},
	{"github.com/spf13/pflag", []string{"conf"}, "where a setting comes from is known to conf alone"},
	{"github.com/pelletier/go-toml", []string{"conf"}, "file formats are conf's"},
	{"go.yaml.in/yaml", []string{"conf", "tests/..."}, "file formats are conf's; tests read what is for other programs"},
	{"github.com/anishathalye/porcupine", []string{"tests/..."}, "it judges histories, of which a server has none"},
	{"github.com/prometheus/client_golang", []string{"server/metrics"}, "how numbers are told is known in one place"},
	{"github.com/getkin/kin-openapi", []string{"tests/...", "server/web"}, "it holds the answers of HTTP against their description, in tests"},
	{"golang.org/x/sys", []string{"tests/procs"}, "what the standard library lacks of the kernel, for networks of tests"},
	{"github.com/redis/go-redis", []string{"tests/..."}, "a client that our users use, for tests"},
	{"github.com/redis/rueidis", []string{"tests/clients"}, "a client that our users use, for tests"},
	{"github.com/mediocregopher/radix", []string{"tests/clients"}, "a client that our users use, for tests"},
}

// pure are the packages whose result depends on their arguments alone.
var pure = []string{"cluster/state", "monitor/failover", "commands/acl"}

// imports lists packages of the standard library that are forbidden somewhere.
var imports = []ban{
	{names: []string{"math/rand", "math/rand/v2", "crypto/rand"}, in: pure, why: "the same log must give the same document on every node: randomness comes in as data"},
	{names: []string{"unsafe"}, in: []string{"..."}, tests: true, why: "nothing here is worth it"},
}

// calls lists functions that are forbidden somewhere; "log.Print*" is all that
// begin like that.
var calls = []ban{
	{names: []string{"time.Now", "time.Since", "time.Until"}, in: pure,
		why: "the time is an argument, so that the simulator sets it and replay gives the same answers"},
	{names: []string{"time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick"}, in: pure,
		why: "a pure package waits for nothing; it returns when it wants to be called again"},
	// brokertest waits for itself, as procs does; under synctest a sleep takes
	// no time.
	{names: []string{"time.Sleep"}, in: []string{"..."}, except: []string{"tests/procs", "cluster/brokertest"}, tests: true, unless: "testing/synctest",
		why: "wait for a condition under a deadline; in tests with procs.Eventually"},
	{names: []string{"os.Exit", "log.Fatal*", "log.Panic*"}, in: []string{"..."}, except: []string{".", "tests/playground", "examples/..."},
		why: "only main ends the process; everyone else returns an error, so that what was opened is closed"},
	{names: []string{"fmt.Print*"}, in: []string{"..."}, except: []string{".", "tests/playground", "examples/..."},
		why: "a library has no terminal; say it with the logger"},
	{names: []string{"slog.Default", "slog.SetDefault", "slog.With", "slog.Debug*", "slog.Info*", "slog.Warn*", "slog.Error*", "slog.Log", "slog.LogAttrs",
		"log.Print*", "log.Default", "log.Set*", "log.Output"}, in: []string{"..."}, except: []string{"."}, tests: true,
		why: "the logger is handed down as a value: two servers fit in one process"},
}

// The rules on shape have no table, only a reason.
const (
	whyGoroutine = "a pure package starts no goroutine: same input, same output"
	whyInit      = "init runs without being asked, in an order that nobody wrote down; call it from main"
	whyState     = "no state at package level: two servers fit in one process"
	whyPlace     = "the package has no line in the graph of tests/arch/rules.go"
	whyHome      = "the library has no home in tests/arch/rules.go"
)
