package sentinelconf

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// fakeDisk is a Disk of texts. Scripts are files whose name ends in .sh, and
// directories whatever begins with /dir.
type fakeDisk map[string]string

func (m fakeDisk) Read(path string) ([]byte, error) {
	text, ok := m[path]
	if !ok {
		return nil, errors.New("there is no such file")
	}
	return []byte(text), nil
}

func (m fakeDisk) Glob(pattern string) ([]string, error) {
	var names []string
	for name := range m {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m fakeDisk) Runnable(path string) bool {
	_, ok := m[path]
	return ok && strings.HasSuffix(path, ".sh")
}

func (fakeDisk) IsDir(path string) bool { return strings.HasPrefix(path, "/dir") }

// mustParse reads a text that nothing is wrong with.
func mustParse(t *testing.T, text string, disk fakeDisk, extra ...Line) *File {
	t.Helper()
	file, faults := Parse("test.conf", []byte(text), extra, disk)
	if len(faults) > 0 {
		t.Fatalf("unexpected faults:\n%v", faults)
	}
	return file
}

func argument(words ...string) Line {
	return Line{At: fault.Pos{Name: "--" + words[0]}, Words: words}
}

func TestParseAll(t *testing.T) {
	disk := fakeDisk{"/dir/notify.sh": "", "/bin/reconf.sh": ""}
	file := mustParse(t, `
# Lines about a master may stand before its monitor line.
sentinel down-after-milliseconds mymaster 5000
SENTINEL Monitor mymaster 127.0.0.1 6379 2
sentinel
dir /dir
PORT 26380
bind 127.0.0.1 -::1
logfile "sentinel.log"
loglevel WARNING
requirepass "s3cret word"
timeout 30
maxclients 50
client-output-buffer-limit normal 0 0 0 pubsub 1mb 500kb 10
sentinel failover-timeout mymaster 60000
sentinel parallel-syncs mymaster 3
sentinel notification-script mymaster notify.sh
sentinel client-reconfig-script mymaster /bin/reconf.sh
sentinel auth-pass mymaster pass
sentinel auth-user mymaster user
sentinel master-reboot-down-after-period mymaster 700
sentinel rename-command mymaster config GUESS
sentinel known-replica mymaster db2.example 6380
sentinel known-slave mymaster 127.0.0.1 6381
sentinel known-sentinel mymaster 127.0.0.1 26381 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
sentinel known-sentinel mymaster 127.0.0.1 26382
sentinel config-epoch mymaster 7
sentinel leader-epoch mymaster 9
sentinel current-epoch 3
sentinel myid AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
sentinel announce-ip 10.0.0.1
sentinel announce-port 36379
sentinel deny-scripts-reconfig no
sentinel sentinel-user peer
sentinel sentinel-pass peerpass
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel isolated-answers no
sentinel Linearizable-Reads YES
sentinel monitor other redis.example 6379 1
sentinel primary-reboot-down-after-period other 800
sentinel replica-witness-wait other 0
`, disk)

	for name, got := range map[string]any{
		"26380":                     file.Port.Value,
		"127.0.0.1|-::1":            strings.Join(file.Bind.Value, "|"),
		"/dir/sentinel.log warning": file.LogFile.Value + " " + file.LogLevel.Value,
		"s3cret word":               string(file.RequirePass.Value),
		"30s 50":                    fmt.Sprint(file.Timeout.Value, " ", file.MaxClients.Value),
		"{1048576 512000 10s}":      file.PubSubLimit.Value,
		"/dir 10.0.0.1 36379":       fmt.Sprint(file.Dir.Value, " ", file.AnnounceIP.Value, " ", file.AnnouncePort.Value),
		"false true true":           fmt.Sprint(file.DenyScriptsReconfig.Value, file.ResolveHostnames.Value, file.AnnounceHostnames.Value),
		"false true":                fmt.Sprint(file.IsolatedAnswers.Value, file.LinearizableReads.Value),
		"peer peerpass":             file.SentinelUser.Value + " " + string(file.SentinelPass.Value),
		strings.Repeat("a", 40):     file.MyID.Value,
		"7":                         file.CurrentEpoch,
	} {
		if fmt.Sprint(got) != name {
			t.Errorf("got %v, want %s", got, name)
		}
	}

	if len(file.Masters) != 2 {
		t.Fatalf("%d masters, want 2", len(file.Masters))
	}
	m := file.Masters[0]
	want := state.Settings{
		DownAfter: 5 * time.Second, FailoverTimeout: time.Minute, ParallelSyncs: 3,
		RebootDownAfter: 700 * time.Millisecond, WitnessWait: state.DefaultWitnessWait,
		AuthUser: "user", AuthPass: "pass",
		NotificationScript: "/dir/notify.sh", ClientReconfigScript: "/bin/reconf.sh",
		Renames: []state.Rename{{Command: "CONFIG", As: "GUESS"}},
	}
	if got := fmt.Sprintf("%+v %q", m.Settings, string(m.Settings.AuthPass)); got != fmt.Sprintf("%+v %q", want, "pass") {
		t.Errorf("settings are %s", got)
	}
	if m.Name != "mymaster" || m.Addr.String() != "127.0.0.1:6379" || m.Quorum != 2 || m.ConfigEpoch != 7 || m.Line.At.Line != 4 {
		t.Errorf("master is %+v", m)
	}
	if len(m.Replicas) != 2 || m.Replicas[0].Addr.String() != "db2.example:6380" || m.Replicas[1].Addr.Port != 6381 {
		t.Errorf("replicas are %+v", m.Replicas)
	}
	if s := file.Masters[1].Settings; s.RebootDownAfter != 800*time.Millisecond || s.WitnessWait != 0 || s.DownAfter != state.DefaultDownAfter {
		t.Errorf("settings of the other master are %+v", s)
	}
}

// Each row is a text and the one fault that it has, word for word.
func TestFaults(t *testing.T) {
	disk := fakeDisk{
		"loop.conf": "include test.conf\n", "plain.txt": "", "wrong.conf": "\nport x\n",
		"/dir/inner.conf": "bogus 1",
	}
	const m = "sentinel monitor m 127.0.0.1 6379 2\n"
	for _, tc := range []struct{ text, want string }{
		// Lines.
		{`logfile "x`, `test.conf:1: 'logfile ******': Unbalanced quotes in configuration line. Close each quote before a space or the end of the line; write a quote inside quotes as \".`},
		{`"x`, `test.conf:1: Unbalanced quotes in configuration line. Close each quote before a space or the end of the line; write a quote inside quotes as \".`},
		{"\n\nport 1\x00", "test.conf:3: The line contains a NUL byte. Save the file as plain text in UTF-8."},
		// Directives of redis.conf.
		{"prot 1", "test.conf:1: 'prot ******': Bad directive or wrong number of arguments. Did you mean port?"},
		{"xyzzy", "test.conf:1: 'xyzzy': Bad directive or wrong number of arguments. No version of Redis knows a directive of this name."},
		{"port", "test.conf:1: 'port': Bad directive or wrong number of arguments. port takes one argument; put quotes around one that contains spaces, and \"\" for an empty one."},
		{"port 1 # mine", "test.conf:1: 'port 1 # mine': Bad directive or wrong number of arguments. A comment must stand on a line of its own."},
		{"rename-command x", "test.conf:1: 'rename-command x': Bad directive or wrong number of arguments. rename-command takes 2 arguments."},
		{"bind", "test.conf:1: 'bind': Bad directive or wrong number of arguments. bind takes 1 to 16 arguments."},
		{"client-output-buffer-limit pubsub", "test.conf:1: 'client-output-buffer-limit pubsub': Bad directive or wrong number of arguments. client-output-buffer-limit takes at least 4 arguments."},
		{"requirepass hunter2 hunter3", "test.conf:1: 'requirepass ******': Bad directive or wrong number of arguments. requirepass takes one argument; put quotes around one that contains spaces, and \"\" for an empty one."},
		{"port x", "test.conf:1: 'port x': argument couldn't be parsed into an integer. Give a whole number between 0 and 65535."},
		{"port 65536", "test.conf:1: 'port 65536': argument must be between 0 and 65535 inclusive. Give a number in that range."},
		{`bind ""`, `test.conf:1: 'bind ""': '' is not an address to listen on. Give IP addresses, * for all of IPv4 or ::* for all of IPv6; a - before one lets it be missing.`},
		{"bind 1.2.3.4:5", "test.conf:1: 'bind 1.2.3.4:5': '1.2.3.4:5' is not an address to listen on. Give IP addresses, * for all of IPv4 or ::* for all of IPv6; a - before one lets it be missing."},
		{"dir /nowhere", "test.conf:1: 'dir /nowhere': No such file or directory. Create the directory /nowhere, or name one that exists."},
		{"loglevel loud", "test.conf:1: 'loglevel loud': argument(s) must be one of the following: debug, verbose, notice, warning, nothing. Give one of these."},
		{"loglevel warn", "test.conf:1: 'loglevel warn': argument(s) must be one of the following: debug, verbose, notice, warning, nothing. Did you mean warning?"},
		{"timeout -1", "test.conf:1: 'timeout -1': argument must be between 0 and 2147483647 inclusive. Give a number in that range."},
		{"maxclients 0", "test.conf:1: 'maxclients 0': argument must be between 1 and 2147483647 inclusive. Give a number in that range."},
		{"client-output-buffer-limit pubsub 0 0 0 normal", "test.conf:1: 'client-output-buffer-limit pubsub 0 0 0 normal': Wrong number of arguments in buffer limit configuration. Each class takes three numbers: client-output-buffer-limit pubsub 32mb 8mb 60"},
		{"client-output-buffer-limit master 0 0 0", "test.conf:1: 'client-output-buffer-limit master 0 0 0': Invalid client class specified in buffer limit configuration. Give normal, replica or pubsub."},
		{"client-output-buffer-limit pubsub 1tb 0 0", "test.conf:1: 'client-output-buffer-limit pubsub 1tb 0 0': Error in hard, soft or soft_seconds setting in buffer limit configuration. Give two sizes such as 32mb, 8mb or 0, and a number of seconds."},
		// Includes.
		{"include nope.conf", "test.conf:1: 'include nope.conf': Can't open config file 'nope.conf'. There is no such file. A relative path begins at the working directory, or at dir where dir stands before the include."},
		{"include [", "test.conf:1: 'include [': This is not a valid pattern. Close each [ with a ]."},
		{"include loop.conf", "loop.conf:1: 'include test.conf': The file includes itself: test.conf -> loop.conf -> test.conf. Remove one of these includes."},
		{"include ./test.conf", "test.conf:1: 'include ./test.conf': The file includes itself: test.conf -> test.conf. Remove one of these includes."},
		{"include wrong.conf", "wrong.conf:2: 'port x': argument couldn't be parsed into an integer. Give a whole number between 0 and 65535."},
		{"dir /dir\ninclude inner.conf", "/dir/inner.conf:1: 'bogus ******': Bad directive or wrong number of arguments. No version of Redis knows a directive of this name."},
		// Sentinel lines.
		{"sentinel moniter m 127.0.0.1 6379 2", "test.conf:1: 'sentinel moniter ******': Unrecognized sentinel configuration statement. Did you mean monitor?"},
		{"sentinel xyzzy", "test.conf:1: 'sentinel xyzzy': Unrecognized sentinel configuration statement. No version of Sentinel knows a directive of this name."},
		{"sentinel monitor m 127.0.0.1 6379", "test.conf:1: 'sentinel monitor m 127.0.0.1 6379': Unrecognized sentinel configuration statement. The form is: sentinel monitor <master> <host> <port> <quorum>"},
		{m + "sentinel quorum m 3", "test.conf:2: 'sentinel quorum ******': Unrecognized sentinel configuration statement. No version of Sentinel knows a directive of this name."},
		{m + "sentinel rename-command m CONFIG", "test.conf:2: 'sentinel rename-command m CONFIG': Unrecognized sentinel configuration statement. The form is: sentinel rename-command <master> <value> <value>"},
		{"sentinel monitor m 127.0.0.1 6379 0", "test.conf:1: 'sentinel monitor m 127.0.0.1 6379 0': Quorum must be 1 or greater. Give how many nodes must agree that the master is down."},
		{m + "sentinel monitor m 127.0.0.1 6380 2", "test.conf:2: 'sentinel monitor m 127.0.0.1 6380 2': Duplicate master name. It is monitored at test.conf:1 already; remove one of the lines."},
		{"sentinel monitor m redis.example 6379 2", "test.conf:1: 'sentinel monitor m redis.example 6379 2': Can't resolve instance hostname. Give an IP address, or allow host names with: sentinel resolve-hostnames yes"},
		{"sentinel monitor m 127.0.0.1:6379 6379 2", "test.conf:1: 'sentinel monitor m 127.0.0.1:6379 6379 2': Can't resolve instance hostname. Give an IP address."},
		{"sentinel monitor m 127.0.0.1 0 2", "test.conf:1: 'sentinel monitor m 127.0.0.1 0 2': Invalid port number. Give a port from 1 to 65535."},
		{`sentinel monitor "" 127.0.0.1 6379 2`, `test.conf:1: 'sentinel monitor "" 127.0.0.1 6379 2': This is not a usable master name. Use letters, digits and the characters .-_`},
		{m + "sentinel down-after-milliseconds m 0", "test.conf:2: 'sentinel down-after-milliseconds m 0': negative or zero time parameter. Give milliseconds, from 1."},
		{m + "sentinel failover-timeout m 3s", "test.conf:2: 'sentinel failover-timeout m 3s': negative or zero time parameter. Give milliseconds, from 1."},
		{m + "sentinel master-reboot-down-after-period m -1", "test.conf:2: 'sentinel master-reboot-down-after-period m -1': negative time parameter. Give milliseconds, from 1, or 0 to turn the rule off."},
		{m + "sentinel parallel-syncs m -1", "test.conf:2: 'sentinel parallel-syncs m -1': This is not a number of replicas. Give a whole number from 1."},
		{m + "sentinel notification-script m plain.txt", "test.conf:2: 'sentinel notification-script m plain.txt': Notification script seems non existing or non executable. Create plain.txt and make it executable (chmod +x)."},
		{m + "sentinel client-reconfig-script m /no.sh", "test.conf:2: 'sentinel client-reconfig-script m /no.sh': Client reconfiguration script seems non existing or non executable. Create /no.sh and make it executable (chmod +x)."},
		{m + "sentinel rename-command m config A\nsentinel rename-command m CONFIG B", "test.conf:3: 'sentinel rename-command m CONFIG B': Same command renamed multiple times with rename-command. Keep one line for each command of a master."},
		{m + `sentinel rename-command m CONFIG ""`, `test.conf:2: 'sentinel rename-command m CONFIG ""': A command cannot be renamed to or from nothing. Give the command and its new name.`},
		{m + "sentinel known-replica m 127.0.0.1 7\nsentinel known-slave m 127.0.0.1 7", "test.conf:3: 'sentinel known-slave m 127.0.0.1 7': Duplicate hostname and port for replica. It is listed at test.conf:2 already; remove one of the lines."},
		{m + "sentinel known-replica m 127.0.0.1 x", "test.conf:2: 'sentinel known-replica m 127.0.0.1 x': Invalid port number. Give a port from 1 to 65535."},
		{m + "sentinel known-sentinel m 127.0.0.1 7 id\nsentinel known-sentinel m 127.0.0.1 8 id", "test.conf:3: 'sentinel known-sentinel m 127.0.0.1 8 id': Duplicate runid for sentinel. Remove one of the lines with this run id."},
		{m + "sentinel config-epoch m x", "test.conf:2: 'sentinel config-epoch m x': 'x' is not an epoch. Give a whole number from 0."},
		{m + "sentinel leader-epoch m -1", "test.conf:2: 'sentinel leader-epoch m -1': '-1' is not an epoch. Give a whole number from 0."},
		{"sentinel current-epoch x", "test.conf:1: 'sentinel current-epoch x': 'x' is not an epoch. Give a whole number from 0."},
		{"sentinel myid abc", "test.conf:1: 'sentinel myid abc': Malformed Sentinel id in myid option. Give 40 hex digits, or remove the line to have an id drawn."},
		{"sentinel announce-ip a/b", "test.conf:1: 'sentinel announce-ip a/b': This is not an address. Give the IP address or host name that others reach this node by."},
		{"sentinel announce-port 70000", "test.conf:1: 'sentinel announce-port 70000': argument must be between 0 and 65535 inclusive. Give a number in that range."},
		{"sentinel deny-scripts-reconfig maybe", "test.conf:1: 'sentinel deny-scripts-reconfig maybe': Please specify yes or no for the deny-scripts-reconfig options. Nothing else is accepted here."},
		{"sentinel resolve-hostnames 1", "test.conf:1: 'sentinel resolve-hostnames 1': Please specify yes or no for the resolve-hostnames option. Nothing else is accepted here."},
		{"sentinel announce-hostnames on", "test.conf:1: 'sentinel announce-hostnames on': Please specify yes or no for the announce-hostnames option. Nothing else is accepted here."},
		{"sentinel isolated-answers maybe", "test.conf:1: 'sentinel isolated-answers maybe': Please specify yes or no for the isolated-answers option. Nothing else is accepted here."},
		{"sentinel linearizable-reads", "test.conf:1: 'sentinel linearizable-reads': Unrecognized sentinel configuration statement. The form is: sentinel linearizable-reads yes|no"},
		{"sentinel linearizable-reads 1", "test.conf:1: 'sentinel linearizable-reads 1': Please specify yes or no for the linearizable-reads option. Nothing else is accepted here."},
		{"sentinel monitor mymaster 127.0.0.1 6379 2\nsentinel auth-pass mymastre x", "test.conf:2: 'sentinel auth-pass mymastre ******': No such master with specified name. Did you mean mymaster?"},
		{"sentinel parallel-syncs m 2", "test.conf:1: 'sentinel parallel-syncs m 2': No such master with specified name. Add the line: sentinel monitor m <host> <port> <quorum>"},
	} {
		if _, faults := Parse("test.conf", []byte(tc.text), nil, disk); faults.Error() != tc.want {
			t.Errorf("text %q\ngot  %v\nwant %s", tc.text, faults, tc.want)
		}
	}
}

func TestAllFaultsAtOnceAndNoneTwice(t *testing.T) {
	disk := fakeDisk{"more.conf": "\ntimeout x\n"}
	_, faults := Parse("test.conf", []byte(strings.Join([]string{
		"sentinel auth-pass m",
		"sentinel monitor m 127.0.0.1 6379 none",
		"sentinel down-after-milliseconds m 0", // checked although m is broken
		"sentinel parallel-syncs m 2",          // no fault: m is meant
		"include more.conf",
		"sentinel parallel-syncs n 2",
		"prot 1",
	}, "\n")), []Line{argument("loglevel", "loud")}, disk)
	var got []string
	for _, f := range faults {
		got = append(got, f.At.String())
	}
	want := "--loglevel more.conf:2 test.conf:1 test.conf:2 test.conf:3 test.conf:6 test.conf:7"
	if strings.Join(got, " ") != want {
		t.Errorf("faults at %v, want %s\n%v", got, want, faults)
	}
}

func TestPasswordsAreNeverShown(t *testing.T) {
	const m = "sentinel monitor m 127.0.0.1 6379 2\n"
	for _, line := range []string{
		"requirepass hunter2 x", "requirepas hunter2", "require-pass hunter2", `requirepass "hunter2`, "'hunter2 x' \"",
		"masterauth hunter2 x", "user bob on >hunter2 \"", "tls-key-file-pass a hunter2",
		"sentinel auth-pass m hunter2 x", "sentinel auth-pass nobody hunter2", "sentinel auth-pas m hunter2",
		"sentinel sentinel-pass hunter2 x", `sentinel auth-pass m "hunter2`, `"sentinel" auth-pass m "hunter2`,
		"sentinel hunter2 hunter2x",
	} {
		_, faults := Parse("test.conf", []byte(m+line), nil, fakeDisk{})
		text := faults.Error()
		if line == "sentinel hunter2 hunter2x" {
			// The name of a directive is shown, what follows it is not.
			text = strings.Replace(text, "'sentinel hunter2 ", "", 1)
		}
		if len(faults) == 0 || strings.Contains(text, "hunter2") {
			t.Errorf("line %q: %v", line, faults)
		}
	}
	line := Line{Words: []string{"user", "bob", "on", ">hunter2"}}
	if line.String() != "--user bob ******" {
		t.Errorf("user line is shown as %s", line)
	}
}

func TestIncludes(t *testing.T) {
	disk := fakeDisk{
		"one.conf": "port 1", "conf.d/b.conf": "port 3", "conf.d/a.conf": "port 2",
		"/dir/in.conf": "sentinel monitor m 127.0.0.1 6379 2",
	}
	for _, tc := range []struct {
		text string
		port int
	}{
		{"include one.conf", 1},
		{"port 9\ninclude one.conf", 1},
		{"include one.conf\nport 9", 9},
		{"include conf.d/*.conf", 3},
		{"INCLUDE 'one.conf'\ninclude one.conf", 1},
		{"include none/*.conf", 0},
	} {
		if file := mustParse(t, tc.text, disk); file.Port.Value != tc.port {
			t.Errorf("%q: port %d, want %d", tc.text, file.Port.Value, tc.port)
		}
	}
	file := mustParse(t, "sentinel auth-user m x\ndir /dir\ninclude in.conf", disk)
	if len(file.Masters) != 1 || file.Masters[0].Settings.AuthUser != "x" || file.Masters[0].Line.At.String() != "/dir/in.conf:1" {
		t.Errorf("masters are %+v", file.Masters)
	}
}

func TestIncludesAreBounded(t *testing.T) {
	disk := fakeDisk{}
	for i := range 30 {
		disk[fmt.Sprintf("f%d", i)] = strings.Repeat(fmt.Sprintf("include f%d\n", i+1), 2)
	}
	disk["f30"] = ""
	_, faults := Parse("test.conf", []byte("include f0"), nil, disk)
	if len(faults) != 1 || !strings.Contains(faults.Error(), "More than 1000 files are included.") {
		t.Errorf("faults: %v", faults)
	}
}

func TestArgumentsComeLast(t *testing.T) {
	file := mustParse(t, "port 1\ndir /dir\nlogfile x", fakeDisk{},
		argument("port", "2"), argument("sentinel", "monitor", "m", "127.0.0.1", "6379", "2"), argument("sentinel"),
		argument("logfile", ""))
	if file.Port.Value != 2 || len(file.Masters) != 1 || file.LogFile.Value != "" || !file.LogFile.Set() {
		t.Errorf("file is %+v", file)
	}
	_, faults := Parse("test.conf", nil, []Line{argument("port", "x y")}, fakeDisk{})
	if want := `'--port "x y"': argument couldn't be parsed into an integer. Give a whole number between 0 and 65535.`; faults.Error() != want {
		t.Errorf("got  %v\nwant %s", faults, want)
	}
}

func TestRelativePathsBelongToTheLastDir(t *testing.T) {
	disk := fakeDisk{"/dir/sub/n.sh": ""}
	file := mustParse(t, "logfile log\nsentinel monitor m 127.0.0.1 6379 1\nsentinel notification-script m n.sh\ndir /dir\ndir sub", disk)
	if file.Dir.Value != "/dir/sub" || file.LogFile.Value != "/dir/sub/log" || file.Masters[0].Settings.NotificationScript != "/dir/sub/n.sh" {
		t.Errorf("file is %+v", file)
	}
}

func TestEmptyValuesAreAsIfNotGiven(t *testing.T) {
	file := mustParse(t, `sentinel announce-ip ""
sentinel announce-port 0
sentinel sentinel-user ""
sentinel sentinel-pass ""
sentinel monitor m 127.0.0.1 6379 1
sentinel notification-script m ""`, fakeDisk{})
	if file.AnnounceIP.Set() || file.AnnouncePort.Set() || file.SentinelUser.Set() || file.SentinelPass.Set() {
		t.Errorf("file is %+v", file)
	}
}

func TestLineEndingsAndMarks(t *testing.T) {
	text := "\ufeffport 1\r\n  # comment\r\n\tbind 127.0.0.1 \r\nloglevel notice"
	file := mustParse(t, text, fakeDisk{})
	if file.Port.Value != 1 || len(file.Bind.Value) != 1 || file.LogLevel.Value != "notice" {
		t.Errorf("file is %+v", file)
	}
	_, faults := Parse("utf16.conf", []byte("\xff\xfep\x00o\x00\n\x00"), nil, fakeDisk{})
	if len(faults) != 1 || !strings.Contains(faults.Error(), "utf16.conf:1: The line contains a NUL byte.") {
		t.Errorf("faults: %v", faults)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	file := mustParse(t, "# "+long+"\nrequirepass "+long+"\n", fakeDisk{})
	if len(file.RequirePass.Value) != len(long) {
		t.Errorf("password of %d bytes", len(file.RequirePass.Value))
	}
	_, faults := Parse("test.conf", []byte(strings.Repeat("port ", 2<<20)+"\n"+long+"\nport "+long), nil, fakeDisk{})
	if len(faults) != 3 || len(faults.Error()) > 2000 {
		t.Errorf("%d faults of %d bytes", len(faults), len(faults.Error()))
	}
}

func TestFileOfAnotherKind(t *testing.T) {
	_, faults := Parse("redis.log", []byte(strings.Repeat("12345:X 22 Nov 2025 19:04:11.123 * Running\n", 1<<19)), nil, fakeDisk{})
	if last := faults[len(faults)-1]; len(faults) != 1001 || !strings.Contains(last.Error(), "Is it the right file?") {
		t.Errorf("%d faults, the last is %v", len(faults), last)
	}
}

// Files that are opened after all lines were read lie under the last dir.
func TestPathsUnderDir(t *testing.T) {
	file := mustParse(t, "tls-cert-file a.pem\nunixsocket /s\npidfile p\ntls-protocols x\ndir /dir\ntls-key-file \"\"", fakeDisk{})
	for name, want := range map[string]string{
		"tls-cert-file": "/dir/a.pem", "unixsocket": "/s", "pidfile": "/dir/p", "tls-protocols": "x", "tls-key-file": "",
	} {
		if got := file.Others[name].Value; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Every directive of Redis is accepted, whether it has an effect or not.
func TestEveryDirectiveIsAccepted(t *testing.T) {
	for name, d := range redisDirectives {
		if actsOn := "port bind dir logfile loglevel timeout maxclients client-output-buffer-limit include " +
			"user protected-mode tcp-keepalive tcp-backlog tls-port tls-session-caching"; slices.Contains(strings.Fields(actsOn), name) {
			continue
		}
		file := mustParse(t, strings.ToUpper(name)+strings.Repeat(" x", d.min), fakeDisk{})
		if _, used := others[name]; used {
			if file.Others[name].Value != "x" || len(file.Notices) != 0 {
				t.Errorf("%s x: %q, notices %v", name, file.Others[name].Value, file.Notices)
			}
			continue
		}
		if name != "requirepass" && (len(file.Notices) != 1 || !strings.HasPrefix(file.Notices[0].Text, name+" has no effect")) {
			t.Errorf("%s: notices are %v", name, file.Notices)
		}
		if _, faults := Parse("test.conf", []byte(name), nil, fakeDisk{}); len(faults) != 1 {
			t.Errorf("%s without arguments: %v", name, faults)
		}
	}
}

func TestNotices(t *testing.T) {
	for text, serious := range map[string]bool{
		"daemonize yes":                           false,
		"daemonize no":                            false,
		"tls-dh-params-file p":                    false,
		"client-output-buffer-limit normal 0 0 0": false,
		"sentinel monitor m 127.0.0.1 6379 1\nsentinel parallel-syncs m 0": false,
	} {
		file := mustParse(t, text, fakeDisk{})
		if len(file.Notices) != 1 || file.Notices[0].Serious != serious || file.Notices[0].Text == "" {
			t.Errorf("%q: notices are %+v", text, file.Notices)
		}
	}
}

func TestStockFile(t *testing.T) {
	text, err := OS{}.Read("testdata/stock.conf")
	if err != nil {
		t.Fatal(err)
	}
	file := mustParse(t, strings.Replace(string(text), "dir /var/lib/redis", "dir /dir", 1), fakeDisk{})
	m := file.Masters[0]
	if file.Port.Value != 26379 || file.LogFile.Value != "/var/log/redis/redis-sentinel.log" || m.Name != "mymaster" || m.Quorum != 2 {
		t.Errorf("file is %+v", file)
	}
	if m.Settings.DownAfter != 30*time.Second || m.Settings.FailoverTimeout != 3*time.Minute || !file.DenyScriptsReconfig.Value {
		t.Errorf("master is %+v", m)
	}
}

func FuzzSentinelConf(f *testing.F) {
	f.Add("sentinel monitor m 127.0.0.1 6379 2\nsentinel auth-pass m x\nport 0\ninclude fuzz.conf\ndir /dir\ninclude *")
	f.Add("client-output-buffer-limit pubsub 9223372036854775807gb 0 0\n\"\\x")
	f.Add("sentinel known-sentinel m ::1 1\nsentinel rename-command m a b\nuser\nbind -")
	f.Fuzz(func(t *testing.T, text string) {
		file, faults := Parse("fuzz.conf", []byte(text), nil, fakeDisk{"other.conf": "port 1\ninclude fuzz.conf"})
		lines := strings.Count(text, "\n") + 1
		for _, at := range faults {
			if at.At.File == "fuzz.conf" && (at.At.Line < 1 || at.At.Line > lines) {
				t.Errorf("fault outside of the %d lines: %v", lines, at)
			}
		}
		for _, m := range file.Masters {
			if m.Quorum < 1 || m.Addr.Port < 1 || m.Name == "" {
				t.Errorf("impossible master %+v", m)
			}
		}
	})
}
