package procs

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// A test run that was killed leaves its networks behind: the kernel ends the
// processes in them, but nobody removes namespaces, links and routes. Their
// names (for routes, the metric) hold the process id of the run, so the next
// run can tell what belongs to nobody.

// owned is the name of a link or namespace of this package, with its owner.
var owned = regexp.MustCompile(`^rf(\d+)-\d+(hub|h\d+)?$`)

// ownedRoute is a route of this package: its subnet and its owner.
var ownedRoute = regexp.MustCompile(`(?m)^blackhole (\S+) .*metric (\d+)`)

// sweep removes what runs left that are no longer there.
func sweep() error {
	return errors.Join(removeNamed(orphan), sweepRoutes())
}

// orphan reports whether a name is one of ours and its owner is gone.
func orphan(name string) bool {
	match := owned.FindStringSubmatch(name)
	return match != nil && gone(match[1])
}

// gone reports whether no process has that id.
func gone(pidText string) bool {
	pid, err := strconv.Atoi(pidText)
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// removeNamed removes the namespaces and the links of this machine that match
// accepts.
func removeNamed(match func(name string) bool) error {
	links, err := output("ip", "-o", "link", "show")
	if err != nil {
		return err
	}
	spaces, err := output("ip", "netns", "list")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(links) {
		// "5: name@if2: <FLAGS> …"
		name, _, _ := strings.Cut(strings.TrimSuffix(field(line, 1), ":"), "@")
		if match(name) {
			errs = append(errs, tolerate(run("ip", "link", "del", name), "Cannot find device"))
		}
	}
	for line := range strings.Lines(spaces) {
		if name := field(line, 0); match(name) {
			errs = append(errs, tolerate(run("ip", "netns", "del", name), "No such file"))
		}
	}
	return errors.Join(errs...)
}

// sweepRoutes removes the routes whose owner is gone.
func sweepRoutes() error {
	routes, err := output("ip", "route", "show", "type", "blackhole", "proto", routeProtocol)
	if err != nil {
		return err
	}
	var errs []error
	for _, match := range ownedRoute.FindAllStringSubmatch(routes, -1) {
		if gone(match[2]) {
			errs = append(errs, removeRoute(match[1], match[2]))
		}
	}
	return errors.Join(errs...)
}

func removeRoute(subnet, pid string) error {
	err := run("ip", "route", "del", "blackhole", subnet, "proto", routeProtocol, "metric", pid)
	return tolerate(err, "No such process")
}

// tolerate drops an error that says that another run was faster.
func tolerate(err error, text string) error {
	if err != nil && strings.Contains(err.Error(), text) {
		return nil
	}
	return err
}

// field is the nth word of a line, "" if there are fewer.
func field(line string, n int) string {
	words := strings.Fields(line)
	if n >= len(words) {
		return ""
	}
	return words[n]
}
