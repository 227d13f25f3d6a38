package conf

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// errEmpty is the problem of a value that must not be empty.
var errEmpty = errors.New("the value is empty")

// parseDuration reads a plain number of units, fractions included, or a Go
// duration such as 1.5s.
func parseDuration(text string, unit time.Duration) (time.Duration, error) {
	if text == "" {
		return 0, errEmpty
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		d := n * float64(unit)
		if math.IsNaN(d) || math.Abs(d) > math.MaxInt64/2 {
			return 0, errors.New("the number is out of range")
		}
		return time.Duration(math.Round(d)), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("this is neither a number nor a duration")
	}
	return d, nil
}

// inUnits is the shortest text that parseDuration reads back.
func inUnits(d, unit time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(unit), 'f', -1, 64)
}

func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errors.New("this is not a whole number")
	}
	return int(n), nil
}

// parseListenAddr reads "host:port" where the host may be missing and the port
// may be 0.
func parseListenAddr(text string) (string, error) {
	if text == "" {
		return "", errEmpty
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("this is not host:port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("the port %q is not a number from 0 to 65535", port)
	}
	if strings.ContainsAny(host, " \t\r\n,/") {
		return "", fmt.Errorf("the host %q is not one", host)
	}
	return listenAddr(host, int(n)), nil
}

func listenAddr(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// parseAddr reads an address that others can connect to.
func parseAddr(text string) (state.Addr, error) { return state.ParseAddr(strings.TrimSpace(text)) }

// parseAddrs reads a comma list of addresses. Its error joins those of all items.
func parseAddrs(text string) ([]state.Addr, error) {
	var addrs []state.Addr
	var errs []error
	for _, item := range splitList(text) {
		a, err := parseAddr(item)
		addrs, errs = append(addrs, a), append(errs, err)
	}
	return addrs, errors.Join(errs...)
}

// splitList splits at commas and drops empty items, which trailing commas
// leave behind.
func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func joinAddrs(addrs []state.Addr) string {
	texts := make([]string, len(addrs))
	for i, a := range addrs {
		texts[i] = a.String()
	}
	return strings.Join(texts, ",")
}

// ParseMaster reads one item of the masters setting: "host:port" or
// "name=host:port". A bare address is its own name.
func ParseMaster(item string) (name string, addr state.Addr, err error) {
	item = strings.TrimSpace(item)
	i := strings.LastIndexByte(item, '=')
	addr, err = parseAddr(item[i+1:])
	if err != nil {
		return "", state.Addr{}, err
	}
	if i < 0 {
		return addr.String(), addr, nil
	}
	if name = strings.TrimSpace(item[:i]); !isMasterName(name) {
		return "", state.Addr{}, fmt.Errorf("%q is not a usable master name", name)
	}
	return name, addr, nil
}

// isMasterName refuses names that cannot be shown or written in a command.
func isMasterName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
