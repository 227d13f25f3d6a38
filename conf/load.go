package conf

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"redis-failover/conf/fault"
	"redis-failover/conf/sentinelconf"
)

// Load reads the command line (without the program's name), the environment
// (as os.Environ returns it) and the configuration file that they name. The
// error is a [Faults] with all that is wrong, and then there is no Config.
//
// With -help or -version nothing but the command line is read, and nothing is
// found wrong with it.
func Load(args, environ []string) (*Config, error) {
	l := loader{table: settings(), disk: sentinelconf.OS{}, config: Default(), faulty: make(map[string]bool)}
	l.config.given = make(map[string]origin)
	l.line = scanArgs(l.table, args, &l.faults)
	if c := l.actions(); c.Help || c.Version {
		return &c, nil
	}
	l.flags = l.flagLayer()
	l.env = readEnv(l.table, environ, &l.config, &l.faults)
	l.readFile()
	l.apply()
	l.config.validate(&l.faults, l.faulty)
	if err := l.faults.Err(); err != nil {
		return nil, err
	}
	return &l.config, nil
}

// loader makes a Config of all places.
type loader struct {
	table  table
	disk   sentinelconf.Disk
	line   commandLine
	config Config
	// flags, env and file are what each place gives.
	flags, env, file layer
	// sentinel is the file, if it is a sentinel.conf.
	sentinel *sentinelconf.File
	faults   fault.Collector
	// faulty are the settings with a fault; nothing is concluded from them.
	faulty map[string]bool
}

// actions is a Config that has only what the flags ask to be done.
func (l *loader) actions() Config {
	c := Default()
	for _, f := range l.line.flags {
		if f.setting.arg == "" {
			// A bad value is reported with those of the other flags.
			_ = f.setting.set(&c, f.text)
		}
	}
	return c
}

// flagLayer is what the flags give.
func (l *loader) flagLayer() layer {
	given := make(layer)
	for _, f := range l.line.flags {
		given.add(f.setting, entry{f.text, f.origin()}, &l.faults)
	}
	return given
}

// fileName finds the name of the configuration file.
func (l *loader) fileName() origin {
	var named []origin
	if e, ok := l.flags["config"]; ok {
		named = append(named, origin{e.origin.at, e.text})
	}
	for _, word := range l.line.files {
		named = append(named, origin{Pos{Name: "CONFIG"}, word})
	}
	if e, ok := l.env["config"]; ok && len(named) == 0 {
		named = append(named, origin{e.origin.at, e.text})
	}
	if len(named) == 0 {
		return origin{}
	}
	for _, more := range named[1:] {
		if more.subject != named[0].subject {
			l.faults.Add(fault.Fault{At: more.at, Subject: fault.Show(more.subject),
				Problem: "There is a configuration file already, " + fault.Show(named[0].subject) + ".",
				Remedy:  "Name one file; an include line of a sentinel.conf reads further ones."})
		}
	}
	return named[0]
}

// readFile reads the configuration file in its format.
func (l *loader) readFile() {
	name := l.fileName()
	path := name.subject
	if path == "" {
		l.noDirectives("there is none")
		return
	}
	l.config.File = path
	text, err := l.disk.Read(path)
	if err != nil {
		l.faults.Add(fault.Fault{At: Pos{File: path}, Problem: fault.Sentence(err),
			Remedy: "Name a sentinel.conf, a TOML or a YAML file that this user may read."})
		return
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	format := formatOf(path, text)
	if format == formatSentinel {
		l.readSentinel(path, text)
		return
	}
	l.noDirectives(filepath.Base(path) + " is none")
	l.file = readKeyed(l.table, path, text, format, &l.faults)
}

// noDirectives refuses lines of a sentinel.conf where they cannot go.
func (l *loader) noDirectives(why string) {
	for _, d := range l.line.directives {
		l.faults.Add(fault.Fault{At: d.At, Subject: fault.Show(d.At.Name),
			Problem: "This is a line for the end of a sentinel.conf, and " + why + ".",
			Remedy:  "Put it behind the file: redis-failover sentinel.conf " + fault.Show(d.At.Name) + " …"})
	}
}

// apply sets all settings, the strongest place last, and then what only a
// sentinel.conf can say.
func (l *loader) apply() {
	v := l.weigh()
	for i := range l.table {
		s := &l.table[i]
		l.checkAll(s)
		if !v.IsSet(s.name) || l.faulty[s.name] {
			continue
		}
		// checkAll has shown that there is no error.
		_ = s.set(&l.config, v.GetString(s.name))
		l.config.given[s.name] = l.strongest(s).origin
	}
	if l.config.Broker.Kind == Standalone && l.strongest(l.table.flag("broker")).text == "" &&
		!l.config.Broker.Raft.Addr.IsZero() {
		l.config.Broker.Kind = RaftBroker
	}
	if l.sentinel != nil {
		l.applySentinel()
	}
	l.finishMasters()
	l.noticeUnused()
	l.noticeQuorums()
	l.tlsNotices()
}

// weigh lets viper put the places on top of each other. The environment is
// merged over the file instead of being read by viper, which would look at that
// of the process and not at the one that was handed in.
func (l *loader) weigh() *viper.Viper {
	flags := pflag.NewFlagSet("redis-failover", pflag.ContinueOnError)
	var words []string
	for _, s := range l.table {
		flags.String(s.name, "", s.help)
		if e, ok := l.flags[s.name]; ok {
			words = append(words, "--"+s.name+"="+e.text)
		}
	}
	v := viper.New()
	// None of these can fail: the words were made from the table itself, and
	// both maps have one level of strings.
	_ = flags.Parse(words)
	_ = v.BindPFlags(flags)
	_ = v.MergeConfigMap(l.file.texts())
	_ = v.MergeConfigMap(l.env.texts())
	return v
}

// texts is a layer as viper takes it.
func (l layer) texts() map[string]any {
	texts := make(map[string]any, len(l))
	for name, e := range l {
		texts[name] = e.text
	}
	return texts
}

// checkAll reports what is wrong with a setting in any place, also where a
// stronger place overrules it: it would come to light on the day that the
// stronger one is taken away.
func (l *loader) checkAll(s *setting) {
	for _, place := range []layer{l.file, l.env, l.flags} {
		e, ok := place[s.name]
		if !ok {
			continue
		}
		scratch := Default()
		err := s.set(&scratch, e.text)
		if err == nil {
			continue
		}
		l.faulty[s.name] = true
		for _, f := range s.faults(e.origin, err) {
			l.faults.Add(f)
		}
	}
}

// strongest is the entry that counts, zero if there is none.
func (l *loader) strongest(s *setting) entry {
	for _, place := range []layer{l.flags, l.env, l.file} {
		if e, ok := place[s.name]; ok {
			return e
		}
	}
	return entry{}
}

// finishMasters gives masters what the other settings say of those of which
// nothing else is said.
func (l *loader) finishMasters() {
	for i := range l.config.Masters {
		m := &l.config.Masters[i]
		if m.FromFlags {
			m.origin = l.config.given["masters"]
			m.At = m.origin.at
			m.Quorum = l.config.NewMaster.Quorum
			m.Settings = l.config.NewMaster.Settings()
		} else if !m.saysStop {
			m.Settings.StopAfterFailure = l.config.NewMaster.StopAfterFailure
		}
	}
}

// noticeQuorums speaks of quorums that a node which works alone cannot reach.
// Most files that were written for several Sentinels have one.
func (l *loader) noticeQuorums() {
	if l.config.Broker.Kind != Standalone {
		return
	}
	for i := range l.config.Masters {
		if m := &l.config.Masters[i]; m.Quorum > 1 {
			l.config.Notices = append(l.config.Notices, Notice{At: m.At, Serious: true, Text: fmt.Sprintf(
				"The quorum %d of master %q cannot be reached: this node works alone, so its vote is the only one. "+
					"No failover will begin by itself until the quorum is 1.", m.Quorum, m.Name)})
		}
	}
}

// noticeUnused speaks of settings in a file that belong to another broker. The
// files of the older tool have all sections and a key that chooses.
func (l *loader) noticeUnused() {
	for _, s := range l.config.foreignSettings() {
		if o := l.config.given[s]; o.at.File != "" && l.file[s].text != "" {
			l.config.Notices = append(l.config.Notices, Notice{At: o.at,
				Text: cmp.Or(o.at.Name, s) + " has no effect with the broker " + string(l.config.Broker.Kind) + "."})
		}
	}
}
