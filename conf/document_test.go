package conf

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"redis-failover/conf/sentinelconf"
)

var update = flag.Bool("update", false, "write docs/CONFIGURATION.md anew")

// CONFIGURATION.md is made from the tables that are gone by, so it says what is so.
func TestDocument(t *testing.T) {
	const file = "../docs/CONFIGURATION.md"
	want := document(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the tables say (%v); go test ./conf -run TestDocument -update", file, err)
	}
}

const documentHead = `# Configuration

All that can be set. Made from the tables of the program; do not edit.

A node is told what to do by flags, by variables of the environment, and by one file:
a sentinel.conf as Redis Sentinel reads it, TOML or YAML. A flag is stronger than the
environment, and that is stronger than the file; what none of them says has its
default. The file is read at the start and never written. ` + "`redis-failover -check FILE`" + `
says all that is wrong with it, with its lines, and changes nothing.

What a file says of masters and of the whole service seeds the document once. After
that the document holds, commands change it (` + "`SENTINEL SET`, `SENTINEL CONFIG SET`" + `), and
a difference is logged by name. etc/ has samples.

## Settings

Flags take one dash or two, ` + "`-` or `_`" + ` inside names, and ` + "`=`" + ` or a space before the value.
The name of a flag is a key of TOML and YAML too, and other keys are told; ` + "`a.b`" + ` is the
key b of the section a. The variable is the name in upper case behind ` + "`REDIS_FAILOVER_`" + `:
` + "`REDIS_FAILOVER_ADDR`" + `.

`

const directivesHead = `## sentinel.conf

Every directive of Redis and of Sentinel is accepted, so that a file that Sentinel has
used starts the node as it is. A name that neither of them knows is a fault. Lines may be
given as arguments behind the file too: ` + "`redis-failover sentinel.conf --port 26380`" + `.

### Lines that begin with sentinel

| sentinel … | what it does |
| --- | --- |
`

// document is the text of CONFIGURATION.md.
func document(t *testing.T) string {
	var text strings.Builder
	text.WriteString(documentHead)
	writeSettings(t, &text)
	text.WriteString(directivesHead)
	writeSentinelForms(t, &text)
	text.WriteString("\n### Others that have an effect\n\n| directive | what it does |\n| --- | --- |\n")
	instead, none := writeDirectives(t, &text)
	text.WriteString("\n### Without effect, and what is done in their place\n\n| directive | |\n| --- | --- |\n")
	for _, line := range instead {
		text.WriteString(line)
	}
	text.WriteString("\n### Without effect\n\nThese are for servers that hold data. They are accepted, and named in the log and by `-check`.\n\n")
	text.WriteString(paragraph(none))
	return text.String()
}

// sections are the groups of the settings, in the order of the table.
func sections() []struct {
	title string
	table table
} {
	return []struct {
		title string
		table table
	}{
		{"Listening", listenSettings()},
		{"Users", userSettings()},
		{"TLS", tlsSettings()},
		{"Masters", masterSettings()},
		{"The document, and what keeps it", brokerSettings()},
		{"Look-ups", lookUpSettings()},
		{"Host names", hostSettings()},
		{"The log and the service manager", logSettings()},
		{"Actions, which are flags only", actionSettings()},
	}
}

// cell makes a text fit for a cell of a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text) }

// code is a text in a cell as it is.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

func writeSettings(t *testing.T, text *strings.Builder) {
	t.Helper()
	defaults, written := Default(), 0
	for _, section := range sections() {
		fmt.Fprintf(text, "### %s\n\n| flag | default | what it does |\n| --- | --- | --- |\n", section.title)
		for _, s := range section.table {
			if written++; s.name != settings()[written-1].name {
				t.Errorf("%s is not where the table of settings has it", s.name)
			}
			var others []string
			for _, k := range s.keys {
				others = append(others, "key "+code(k))
			}
			for _, a := range s.aliases {
				others = append(others, "also "+code("-"+a))
			}
			help := cell(s.help) + ". " + cell(s.want)
			if s.flagOnly {
				help = cell(s.help)
			}
			if len(others) > 0 {
				help += " (" + strings.Join(others, ", ") + ")"
			}
			shown := code(s.show(&defaults))
			if s.arg == "" {
				shown = ""
			}
			fmt.Fprintf(text, "| %s | %s | %s |\n", code(strings.TrimSpace("-"+s.name+" "+s.arg)), shown, help)
		}
		text.WriteByte('\n')
	}
	if written != len(settings()) {
		t.Errorf("%d settings in sections, %d in all", written, len(settings()))
	}
}

func writeSentinelForms(t *testing.T, text *strings.Builder) {
	t.Helper()
	left := maps.Clone(sentinelEffects)
	for _, form := range sentinelconf.SentinelForms() {
		name, _, _ := strings.Cut(form, " ")
		if left[name] == "" {
			t.Errorf("what does sentinel %s do?", name)
		}
		delete(left, name)
		fmt.Fprintf(text, "| %s | %s |\n", code(form), cell(sentinelEffects[name]))
	}
	if len(left) > 0 {
		t.Errorf("there are no such lines: %v", slices.Sorted(maps.Keys(left)))
	}
}

// writeDirectives writes the directives that have an effect, and returns the others:
// lines on those that have a substitute, and the names of the rest. The parser is
// asked which are which.
func writeDirectives(t *testing.T, text *strings.Builder) (instead, none []string) {
	t.Helper()
	left := maps.Clone(directiveEffects)
	for _, name := range sentinelconf.DirectiveNames() {
		why, without := withoutEffect(name)
		effect := directiveEffects[name]
		if setting, ok := directiveSettings[name]; ok {
			effect = "as " + code("-"+setting)
		}
		switch {
		case name == "sentinel":
		case without && effect != "":
			t.Errorf("%s is documented to have an effect", name)
		case without && why == "":
			none = append(none, name)
		case without:
			instead = append(instead, fmt.Sprintf("| %s | %s |\n", code(name), cell(why)))
		case effect == "":
			t.Errorf("what does %s do?", name)
		default:
			fmt.Fprintf(text, "| %s | %s |\n", code(name), effect)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		t.Errorf("there are no such directives: %v", slices.Sorted(maps.Keys(left)))
	}
	return instead, none
}

// withoutEffect asks the parser whether a directive has an effect, and what is done
// in its place.
func withoutEffect(name string) (why string, without bool) {
	for _, values := range []string{" x", " x x", " x x x", " normal 0 0 0"} {
		file, faults := sentinelconf.Parse("f", []byte(name+values), nil, sentinelconf.OS{})
		if len(faults) > 0 {
			continue
		}
		for _, n := range file.Notices {
			if rest, ok := strings.CutPrefix(n.Text, name+" has no effect here"); ok {
				return strings.TrimPrefix(strings.TrimPrefix(rest, "."), ": "), true
			}
		}
	}
	return "", false
}

// paragraph puts names into lines of a page.
func paragraph(names []string) string {
	var text strings.Builder
	width := 0
	for i, name := range names {
		word := "`" + name + "`"
		if i < len(names)-1 {
			word += ","
		}
		if width > 0 && width+len(word) > 90 {
			text.WriteByte('\n')
			width = 0
		}
		if width > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(word)
		width += len(word) + 1
	}
	return text.String() + "\n"
}

// sentinelEffects says what lines that begin with "sentinel" do.
var sentinelEffects = map[string]string{
	"announce-ip":                      "the host that others are told, with announce-port as `-announce_addr`",
	"announce-port":                    "the port that others are told; 0 is the one that the node listens on",
	"announce-hostnames":               "as `-announce_hostnames`",
	"resolve-hostnames":                "as `-resolve_hostnames`",
	"isolated-answers":                 "as `-isolated_answers`; ours",
	"linearizable-reads":               "as `-linearizable_reads`; ours",
	"deny-scripts-reconfig":            "no: `SENTINEL SET` may change the paths of scripts (default yes)",
	"sentinel-user":                    "the user that nodes show each other, with sentinel-pass; the same on all nodes",
	"sentinel-pass":                    "the password that nodes show each other; without it that is requirepass",
	"current-epoch":                    "new epochs are above it",
	"myid":                             "the id of this node; without it one is drawn. No two nodes may have the same",
	"monitor":                          "a master to watch, and how many nodes must agree that it is down",
	"config-epoch":                     "the epoch of the master's address, which the document begins with",
	"leader-epoch":                     "no effect: votes of Sentinel's protocol are not carried over",
	"known-replica":                    "a replica of the master to begin with; others are found",
	"known-slave":                      "as known-replica",
	"known-sentinel":                   "no effect: the nodes know each other through the broker",
	"down-after-milliseconds":          "how long a server must not answer before a node holds it for down (default 30000)",
	"failover-timeout":                 "milliseconds that each phase of a failover may take; between two attempts lies twice as much (default 180000)",
	"parallel-syncs":                   "how many replicas are pointed at the new master at once (default 1)",
	"master-reboot-down-after-period":  "milliseconds after which a master that restarted and still loads its data counts as down; 0 is never (default 0)",
	"primary-reboot-down-after-period": "as master-reboot-down-after-period, in Valkey's words",
	"replica-witness-wait":             "milliseconds that a failover waits at most while replicas still receive the stream of the master; 0 is not at all (default 10000); ours",
	"stop-after-failed-failover":       "yes: after an automatic failover that failed, wait for `SENTINEL RESUME` (default no); ours",
	"auth-user":                        "the user that the node logs in with at the master and its replicas",
	"auth-pass":                        "the password that goes with it",
	"notification-script":              "a program that is run for warnings: [SCRIPTS.md](SCRIPTS.md)",
	"client-reconfig-script":           "a program that is run when the master has another address: [SCRIPTS.md](SCRIPTS.md)",
	"rename-command":                   "a command that the master and its replicas know by another name",
}

// directiveEffects says what the other directives do that have an effect, apart from
// those that stand for a setting.
var directiveEffects = map[string]string{
	"bind":                       "the addresses to listen on; `*` is all of IPv4, `::*` all of IPv6, a `-` before one lets it be missing",
	"client-output-buffer-limit": "of the class pubsub: how much a subscriber may leave unread. The other classes have no effect",
	"dir":                        "an existing directory: relative paths and scripts begin there, and the document is kept in `var` below it, unless `-data_dir` says otherwise",
	"include":                    "reads another file in this place; a pattern may match nothing",
	"logfile":                    "the file that the log is appended to; without it standard output",
	"loglevel":                   "as `-log_level`",
	"maxclients":                 "how many clients may be connected at once (default 10000)",
	"pidfile":                    "a file with the id of the process, while it runs",
	"port":                       "the port to listen on; 0 is none without TLS (default 26379)",
	"protected-mode":             "yes: while the default user has no password, only clients of this machine are served (default no)",
	"requirepass":                "as `-password`",
	"tcp-backlog":                "how many connections may wait to be accepted",
	"tcp-keepalive":              "seconds of silence after which TCP asks whether a client is there; 0 is never (default 300)",
	"timeout":                    "seconds after which an idle client is disconnected; 0 is never (default 0)",
	"tls-port":                   "the port to listen on with TLS, at the addresses of bind; 0 is none",
	"tls-session-caching":        "no: TLS sessions are not resumed (default yes)",
	"user":                       "a user and what it may do: [USERS.md](USERS.md)",
}
