package system

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"redis-failover/tests/procs"
)

// inRepository is the absolute path of something in the repository.
func inRepository(t *testing.T, path ...string) string {
	t.Helper()
	whole, err := filepath.Abs(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// Every configuration file that people are shown is good as it stands.
func TestSampleConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(inRepository(t, "etc", "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files in etc (%v)", len(files), err)
	}
	brokers := map[string]string{"raft.toml": "raft", "zk.toml": "zk"}
	for _, file := range files {
		r := procs.Run(t, "-check", "-data_dir="+t.TempDir(), file)
		if r.Code != 0 || !strings.Contains(r.Stdout, "mymaster") {
			t.Errorf("-check of %s: %+v", file, r)
		}
		if broker := brokers[filepath.Base(file)]; !strings.Contains(r.Stdout, broker) {
			t.Errorf("%s does not ask for broker %s:\n%s", file, broker, r.Stdout)
		}
	}
}

// compose is what matters here of a compose file.
type compose struct {
	Services map[string]struct {
		Image    string
		Command  []string
		Volumes  []string
		Networks map[string]struct {
			Address string `yaml:"ipv4_address"`
		}
	}
	Volumes map[string]any
}

// The nodes of the compose file start with their command lines, found one group, and
// watch a server of the same file.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(inRepository(t, "deploy", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file compose
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var addresses, groups, volumes []string
	for name, service := range file.Services {
		own := service.Networks["failover"].Address
		if own == "" || slices.Contains(addresses, own) {
			t.Errorf("%s has the address %q, the others have %q", name, own, addresses)
		}
		addresses = append(addresses, own)
		if service.Image != "redis-failover" {
			continue
		}
		args := append([]string{"-check", "-data_dir=" + t.TempDir()}, service.Command...)
		if r := procs.Run(t, args...); r.Code != 0 || !strings.Contains(r.Stdout, "raft") {
			t.Errorf("-check of the command line of %s: %+v", name, r)
		}
		if !slices.Contains(service.Command, "-raft_addr="+own+":26380") {
			t.Errorf("%s at %s has another -raft_addr: %q", name, own, service.Command)
		}
		groups = append(groups, lineWith(service.Command, "-raft_cluster="))
		for _, v := range service.Volumes {
			volume, path, _ := strings.Cut(v, ":")
			if _, declared := file.Volumes[volume]; !declared || path != "/var/lib/redis-failover" {
				t.Errorf("%s has the volume %q", name, v)
			}
			volumes = append(volumes, volume)
		}
		master := strings.TrimPrefix(lineWith(service.Command, "-masters="), "-masters=mymaster=")
		if first := file.Services["redis-1"].Networks["failover"].Address + ":6379"; master != first {
			t.Errorf("%s watches %s, the master is at %s", name, master, first)
		}
	}
	slices.Sort(volumes)
	if len(groups) != 3 || len(slices.Compact(groups)) != 1 || len(slices.Compact(volumes)) != 3 {
		t.Errorf("not three nodes of one group with a volume each: %q, %q", groups, volumes)
	}
}

// The unit's command line is good, with the sample of the file that it names.
func TestUnitFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(inRepository(t, "deploy", "redis-failover.service"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{"Type=notify", "WatchdogSec=30s", "User=redis-failover", "StateDirectory=redis-failover"} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit has no line %s", want)
		}
	}
	args := strings.Fields(strings.TrimPrefix(lineWith(lines, "ExecStart="), "ExecStart="))
	sample := inRepository(t, "etc", filepath.Base(args[len(args)-1]))
	if len(args) != 3 || args[0] != "/usr/bin/redis-failover" || args[1] != "-data_dir=/var/lib/redis-failover" {
		t.Errorf("ExecStart is %q", args)
	}
	if r := procs.Run(t, "-check", "-data_dir="+t.TempDir(), sample); r.Code != 0 {
		t.Errorf("-check with the sample: %+v", r)
	}
}

// lineWith is the first of some lines that begins so, "" if none does.
func lineWith(lines []string, prefix string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
	if i < 0 {
		return ""
	}
	return lines[i]
}
