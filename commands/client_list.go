package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func clientInfo(c *Context, _ []string) Reply {
	return Verbatim(clientLine(c.Session.Client(), time.Now()))
}

func clientList(c *Context, args []string) Reply {
	keep, fault := listedClients(args)
	if fault != nil {
		return fault
	}
	now := time.Now()
	var text strings.Builder
	for _, client := range c.Host.Clients() {
		if keep(client) {
			text.WriteString(clientLine(client, now))
		}
	}
	return Verbatim(text.String())
}

func listedClients(args []string) (keep func(Client) bool, fault Reply) {
	switch {
	case len(args) == 0:
		return func(Client) bool { return true }, nil
	case len(args) == 2 && strings.EqualFold(args[0], "type"):
		kind, ok := clientTypes[strings.ToLower(args[1])]
		if !ok {
			return nil, errUnknownClientType(args[1])
		}
		return func(client Client) bool { return clientType(client) == kind }, nil
	case len(args) >= 2 && strings.EqualFold(args[0], "id"):
		ids := make(map[int64]bool, len(args)-1)
		for _, word := range args[1:] {
			id, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				return nil, errInvalidID
			}
			ids[id] = true
		}
		return func(client Client) bool { return ids[client.ID] }, nil
	}
	return nil, errSyntax
}

// clientTypes are the words of TYPE. No client is ever a master or a replica
// here.
var clientTypes = map[string]string{
	"normal": "normal", "pubsub": "pubsub", "master": "master", "replica": "replica", "slave": "replica",
}

func clientType(client Client) string {
	if client.Subscribed() {
		return "pubsub"
	}
	return "normal"
}

// clientLine is one line of CLIENT LIST. Fields about things that do not exist
// here (databases, transactions, Redis's own buffers) have the values they have
// in an idle Redis, because tools read the line by its fields.
func clientLine(client Client, now time.Time) string {
	command := client.Command
	if command == "" {
		command = "NULL"
	}
	events := "r"
	if client.OutputBytes > 0 {
		events = "rw"
	}
	redirect := int64(-1)
	if client.Tracking != nil {
		redirect = client.Tracking.Redirect
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=0 sub=%d psub=%d ssub=0 multi=-1 "+
		"qbuf=%d qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=%d omem=%d tot-mem=%d events=%s cmd=%s user=%s "+
		"redir=%d resp=%d lib-name=%s lib-ver=%s\n",
		client.ID, client.Addr, client.LocalAddr, client.FD, client.Name,
		int64(now.Sub(client.Created).Seconds()), int64(now.Sub(client.Active).Seconds()), clientFlags(client),
		client.Channels, client.Patterns, client.QueryBuffer, client.OutputMessages, client.OutputBytes,
		client.QueryBuffer+client.OutputBytes, events, command, client.User, redirect, client.Protocol,
		client.LibName, client.LibVersion)
}

func clientFlags(client Client) string {
	flags := ""
	if client.Subscribed() {
		flags += "P"
	}
	if client.Tracking != nil {
		flags += "t"
		if client.Tracking.Broadcast {
			flags += "B"
		}
	}
	if client.NoEvict {
		flags += "e"
	}
	if flags == "" {
		return "N"
	}
	return flags
}

// killFilter says whom CLIENT KILL means.
type killFilter struct {
	id          int64 // 0: any
	addr, laddr string
	kind, user  string
	maxAge      time.Duration // 0: any
	skipMe      bool
}

func clientKill(c *Context, args []string) Reply {
	if len(args) == 1 {
		if killClients(c, killFilter{addr: args[0]}) == 0 {
			return errNoSuchClient
		}
		return OK
	}
	filter, fault := parseKill(c, args)
	if fault != nil {
		return fault
	}
	return Int(killClients(c, filter))
}

func parseKill(c *Context, args []string) (killFilter, Reply) {
	f := killFilter{skipMe: true}
	for ; len(args) > 0; args = args[2:] {
		if len(args) < 2 {
			return f, errSyntax
		}
		if fault := f.add(c, strings.ToLower(args[0]), args[1]); fault != nil {
			return f, fault
		}
	}
	return f, nil
}

// add takes one filter with its value.
func (f *killFilter) add(c *Context, name, value string) Reply {
	switch name {
	case "id":
		id, err := strconv.ParseInt(value, 10, 64)
		if err != nil || id < 1 {
			return errClientID
		}
		f.id = id
	case "maxage":
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil || seconds < 1 {
			return errMaxAge
		}
		f.maxAge = time.Duration(seconds) * time.Second
	case "type":
		kind, ok := clientTypes[strings.ToLower(value)]
		if !ok {
			return errUnknownClientType(value)
		}
		f.kind = kind
	case "addr":
		f.addr = value
	case "laddr":
		f.laddr = value
	case "user":
		if !c.Node.Users.Known(value) {
			return errNoSuchUser(value)
		}
		f.user = value
	case "skipme":
		switch strings.ToLower(value) {
		case "yes":
			f.skipMe = true
		case "no":
			f.skipMe = false
		default:
			return errSyntax
		}
	default:
		return errSyntax
	}
	return nil
}

func (f *killFilter) matches(client Client, now time.Time) bool {
	return (f.id == 0 || f.id == client.ID) &&
		(f.addr == "" || f.addr == client.Addr) &&
		(f.laddr == "" || f.laddr == client.LocalAddr) &&
		(f.kind == "" || f.kind == clientType(client)) &&
		(f.user == "" || f.user == client.User) &&
		(f.maxAge == 0 || now.Sub(client.Created) >= f.maxAge)
}

// killClients ends the sessions that the filter means and counts them. The
// session that asks still gets its reply.
func killClients(c *Context, f killFilter) int {
	self, now, killed := c.Session.Client().ID, time.Now(), 0
	for _, client := range c.Host.Clients() {
		switch {
		case !f.matches(client, now) || f.skipMe && client.ID == self:
		case client.ID == self:
			c.Session.Close()
			killed++
		case c.Host.Kill(client.ID):
			killed++
		}
	}
	return killed
}
