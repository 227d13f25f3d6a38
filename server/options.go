package server

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"redis-failover/commands"
)

// Options are how a server is to work. Node is required, and one of Listener
// and Addr; zero values of the others mean the defaults.
type Options struct {
	// Listener is where clients come from. The server closes it at its end. If
	// it is nil, New listens on Addr ("host:port", TCP).
	Listener net.Listener
	Addr     string
	// Node is what commands work on.
	Node *commands.Node
	// Table holds the commands; nil means commands.All.
	Table *commands.Table
	// Logger gets one line for each thing worth knowing; nil throws them away.
	Logger *slog.Logger
	// MaxClients is how many may be connected at once; those beyond are told
	// so and closed. Default 10,000, as in Redis.
	MaxClients int
	// IdleTimeout closes clients without subscriptions that send nothing for
	// so long. Default 0: never.
	IdleTimeout time.Duration
	// KeepAlive is after how long of silence TCP asks whether the other end is
	// still there. Default 5 minutes, as in Redis; negative turns it off.
	KeepAlive time.Duration
	// WriteTimeout closes a client that does not take 64 KiB within it.
	// Default 30 s.
	WriteTimeout time.Duration
	// MaxQuery is how many bytes one command may have, framing included.
	// Default 1 MiB: a Sentinel's commands are short, a thousandth of what
	// Redis allows is plenty.
	MaxQuery int
	// MaxQueuedBytes and MaxQueuedMessages are what may wait for a subscriber
	// before it is cut. Defaults 8 MiB and 65,536: several times the events of
	// a failover of thousands of masters at once.
	MaxQueuedBytes, MaxQueuedMessages int
	// HTTP serves a client whose first bytes are an HTTP request, and returns when
	// it has closed the connection; that must be soon after the connection fails,
	// which is how the server ends. If it is nil such clients are closed unheard.
	HTTP func(net.Conn)
	// OnShutdown is called for SHUTDOWN. It must not wait for the server to
	// end. By default the server stops itself.
	OnShutdown func()
}

func (o Options) withDefaults() (Options, error) {
	if o.Node == nil {
		return o, errors.New("server: Options.Node is missing")
	}
	if o.Listener == nil && o.Addr == "" {
		return o, errors.New("server: neither Options.Listener nor Options.Addr is given")
	}
	orElse(&o.MaxClients, 10_000)
	orElse(&o.KeepAlive, 5*time.Minute)
	orElse(&o.WriteTimeout, 30*time.Second)
	orElse(&o.MaxQuery, 1<<20)
	orElse(&o.MaxQueuedBytes, 8<<20)
	orElse(&o.MaxQueuedMessages, 1<<16)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if o.Table == nil {
		o.Table, err = commands.NewTable(commands.All()...)
	}
	return o, err
}

func orElse[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}
