package conf

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const usageHead = `Usage: redis-failover [flags] [CONFIG [--directive value ...]]

Watches Redis masters, promotes a replica when one is down, and tells clients.

CONFIG is a sentinel.conf as Redis Sentinel reads it, or a TOML or YAML file. It
is never written. Behind a sentinel.conf, its lines may be given as arguments:
  redis-failover sentinel.conf --port 26380 --sentinel monitor m 127.0.0.1 6379 2

Flags take one dash or two, '-' or '_' inside names, and '=' or a space before the
value. Each can be given as a variable of the environment too, and as a key of a
TOML or YAML file. A flag is stronger than the environment, and that is stronger
than the file. REDIS_FAILOVER_CONFIG names CONFIG.

Flags:
`

const usageTail = `
Examples:
  redis-failover -masters=mymaster=127.0.0.1:6379
  redis-failover /etc/redis/sentinel.conf
  redis-failover -check failover.toml
`

// Usage writes the help text, all of it from the table of settings.
func Usage(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(usageHead)
	defaults := Default()
	for _, s := range settings() {
		b.WriteString(s.usage(&defaults))
	}
	b.WriteString(usageTail)
	return b.Flush()
}

// usage is the paragraph of one setting.
func (s *setting) usage(defaults *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  -%s\n", strings.TrimSpace(s.name+" "+s.arg))
	fmt.Fprintf(&b, "        %s", s.help)
	if d := s.show(defaults); s.arg != "" && d != "" {
		fmt.Fprintf(&b, " (default %s)", d)
	}
	b.WriteByte('\n')
	if others := s.otherNames(); others != "" {
		fmt.Fprintf(&b, "        %s\n", others)
	}
	return b.String()
}

// otherNames are the variable, the keys that are not the flag's name, and the
// flag's aliases.
func (s *setting) otherNames() string {
	var names []string
	if s.arg != "" {
		names = append(names, variable(s.name))
	}
	for _, k := range s.keys {
		names = append(names, "key "+k)
	}
	for _, a := range s.aliases {
		names = append(names, "also -"+a)
	}
	return strings.Join(names, ", ")
}
