package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"redis-failover/certs"
	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/conf"
	"redis-failover/monitor"
	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
	"redis-failover/server"
	"redis-failover/server/metrics"
	"redis-failover/server/web"
)

// serve puts the parts together and runs them until ctx ends or a client sends
// SHUTDOWN. The listener comes first: a second copy on the same port must fail
// before it touches anything. Things end in the reverse order.
func serve(ctx context.Context, cfg *conf.Config, log *slog.Logger, level commands.LogLevel) error {
	for _, notice := range cfg.Notices {
		level := slog.LevelInfo
		if notice.Serious {
			level = slog.LevelWarn
		}
		log.Log(ctx, level, "configuration: "+notice.Text, "at", notice.At.String())
	}
	heard, stop := hangups()
	defer stop()
	store, err := certs.Open(cfg.TLS)
	if err != nil {
		return err
	}
	listener, err := listen(cfg, store, log)
	if err != nil {
		return err
	}
	defer listener.Close()
	httpListener, err := listenHTTP(&cfg.Server)
	if err != nil {
		return err
	}
	if httpListener != nil {
		defer httpListener.Close()
	}
	broker, err := openBroker(cfg, log)
	if err != nil {
		return err
	}
	defer log.Info("stopped")
	defer writePidFile(cfg.PidFile, log)()
	defer closeBroker(broker, log)

	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()
	node, err := newNode(cfg, log, level, broker, store, listener, httpListener, shutdown)
	if err != nil {
		return err
	}
	node.hangups = heard
	return node.run(ctx)
}

// node is a running redis-failover.
type node struct {
	log     *slog.Logger
	broker  cluster.Broker
	monitor *monitor.Monitor
	lookUps *commands.LookUps
	scripts *scripts.Runner
	server  *server.Server
	http    *httpPart
	metrics *metrics.Metrics
	seeder  *seeder
	hangups <-chan os.Signal
	reloads []reload
	manager manager
}

func newNode(cfg *conf.Config, log *slog.Logger, level commands.LogLevel, broker cluster.Broker, store *certs.Store, listener, httpListener net.Listener, shutdown func()) (*node, error) {
	n := &node{log: log, broker: broker, reloads: []reload{{"the certificates for TLS", store.Reload}}}
	n.manager = newManager(cfg.Supervised, os.Getenv, log)
	publish := func(e state.Event) { n.server.Publish(e) }
	var err error
	if n.scripts, err = scripts.New(scripts.Options{Document: broker, Log: log, Publish: publish, Dir: cfg.Sentinel.Dir}); err != nil {
		return nil, err
	}
	n.lookUps = commands.NewLookUps(commands.LookUpOptions{
		Broker: broker, Log: log, IsolatedAnswers: cfg.LookUps.IsolatedAnswers, Linearizable: cfg.LookUps.Linearizable,
	})
	members, _ := broker.(cluster.Membership)
	if n.metrics, err = metrics.New(metrics.Options{
		Document: broker, LookUps: n.lookUps, Members: members, Version: version,
		Watcher: func() commands.Watcher { return n.monitor }, Stats: func() commands.Stats { return n.server.Stats() },
	}); err != nil {
		return nil, err
	}
	timed := n.metrics.Timed(broker)
	n.monitor = monitor.New(monitor.Options{
		Broker: timed, Log: log, Probed: n.metrics.Probed,
		Timing:  failover.Timing{CheckInterval: cfg.Monitor.CheckInterval, InfoPeriod: cfg.Monitor.InfoPeriod},
		Publish: publish, Seen: n.scripts.Seen,
		Crash:    func() { os.Exit(crashCode) },
		Freeze:   standStill,
		Dial:     dialler(cfg, store),
		PeerUser: cfg.Sentinel.Global(state.SentinelUser), PeerPass: state.Secret(cfg.Sentinel.Global(state.SentinelPass)),
		OwnPass: cfg.Server.RequirePass,
	})
	users, err := openUsers(cfg)
	if err != nil {
		return nil, err
	}
	warnOverruled(cfg, users, log)
	if cfg.Users.File != "" {
		n.reloads = append(n.reloads, reload{"the file of users", func() error { return users.Reload(n.server) }})
	}
	runID := newRunID()
	commandNode := &commands.Node{
		Broker: timed, Watcher: n.monitor, Members: members, Scripts: n.scripts, LookUps: n.lookUps, Users: users,
		Announcement: commands.NewAnnouncement(cfg.Server.AnnounceAddr, func(as state.Addr) state.Addr { return announced(cfg, as, listener) }),
		LogLevel:     level, Resolve: net.DefaultResolver.LookupHost,
		Tuning: commands.NewTuning(monitorDefaults(cfg)), AllowScripts: !cfg.Sentinel.DenyScriptsReconfig,
		Version: version, RunID: runID, ConfigFile: cfg.File, Supervised: n.manager.name(), Started: time.Now(),
	}
	addr := announced(cfg, cfg.Server.AnnounceAddr, listener)
	maxClients, err := affordClients(cfg.Server.MaxClients, otherFiles(cfg, broker.State()), systemFiles(), log)
	if err != nil {
		return nil, err
	}
	if n.http, err = newHTTP(cfg, protect(cfg, httpListener, commandNode.Users.Open), web.Options{
		Node: commandNode, Host: func() commands.Host { return n.server }, Changes: broker, Metrics: n.metrics.Handler(),
		Announced: func() string { return cmp.Or(memberAddr(broker).Host, addr.Host) }, MaxClients: maxClients, Logger: log,
	}); err != nil {
		return nil, err
	}
	listener = protect(cfg, listener, commandNode.Users.Open)
	options := server.Options{
		Listener: listener, Logger: log, OnShutdown: shutdown, KeepAlive: cmp.Or(cfg.Server.KeepAlive, -1),
		MaxClients: maxClients, IdleTimeout: cfg.Server.Timeout,
		MaxQueuedBytes: int(cfg.Server.PubSubLimit.Hard),
		Node:           commandNode, HTTP: n.http.shared(&cfg.Server),
	}
	if n.server, err = server.New(options); err != nil {
		return nil, err
	}
	n.seeder = &seeder{broker: broker, cfg: cfg, log: log, member: state.Member{
		ID: broker.Self(), RunID: runID, Addr: addr, Version: version, Schema: state.SchemaVersion, Alive: true,
	}}
	return n, nil
}

// memberAddr is the address that all members know this node by, zero if none does.
func memberAddr(b cluster.Broker) state.Addr {
	m, _ := b.State().Member(b.Self())
	return m.Addr
}

// monitorDefaults are the settings of a master that SENTINEL MONITOR adds:
// Sentinel's, not those of the masters of -masters.
func monitorDefaults(cfg *conf.Config) state.Settings {
	s := state.DefaultSettings()
	s.StopAfterFailure = cfg.NewMaster.StopAfterFailure
	return s
}

// run serves until ctx ends.
func (n *node) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	defer parts.Wait() // before the broker closes
	parts.Go(func() { n.monitor.Run(ctx) })
	parts.Go(func() { n.lookUps.Run(ctx) })
	parts.Go(func() { n.scripts.Run(ctx) })
	parts.Go(func() { n.http.run(ctx) })
	parts.Go(func() { n.metrics.Run(ctx) })
	parts.Go(func() { reloadAll(ctx, n.hangups, n.reloads, n.manager, n.log) })
	lost := make(chan error, 1)
	parts.Go(func() {
		lost <- n.awaitLoss(ctx)
		cancel()
	})
	first := make(chan struct{})
	parts.Go(func() { n.seeder.run(ctx, first) })
	select { // clients that connect find the masters of the configuration
	case <-first:
	case <-time.After(seedPatience):
	}

	switch health := n.broker.Health(); {
	case n.broker.State().Len() > 0:
	case health.Condition != cluster.Ready:
		n.log.Info("no master is known yet; this node learns them, and brings in those of its configuration, when it can", "reason", health.Reason)
	default:
		n.log.Warn("no master is watched yet; add one with SENTINEL MONITOR <name> <ip> <port> <quorum>")
	}
	n.log.Info("ready", "version", version, "address", n.server.Addr().String(), "id", string(n.broker.Self()),
		"masters", n.broker.State().Len(), "document", n.broker.Health().Condition.String())
	parts.Go(func() { n.manager.run(ctx, n.progress) })
	err := n.server.Serve(ctx)
	cancel()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, <-lost)
	if err == nil {
		n.log.Info("stopping")
		return nil
	}
	n.log.Error("stopping", "reason", err)
	return logged{err}
}

// progress grows while the node works: while the loop that watches the servers
// turns, and the document, its broker and the server answer.
func (n *node) progress() uint64 {
	n.broker.State()
	n.broker.Health()
	n.server.Stats()
	return n.monitor.Turns()
}

// logged is why a node that ran has ended: the log has it.
type logged struct{ error }

// awaitLoss returns when the broker cannot recover by itself, with the reason, or
// with nil when ctx ends. The process then ends: a node that was removed, say,
// would tell clients for ever what was true when it left. The broker has logged
// the reason.
func (n *node) awaitLoss(ctx context.Context) error {
	for {
		changed := n.broker.HealthChanged()
		if health := n.broker.Health(); health.Condition == cluster.Lost {
			return errors.New(health.Reason)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// newRunID draws the id of this process, as Redis does at each start.
func newRunID() string {
	var id [20]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// announced is the address that others are told: what this node was told,
// completed from the listener. One that listens on all addresses is at the one
// that the other members reach it by, if it has such, or that ZooKeeper sees.
func announced(cfg *conf.Config, addr state.Addr, l net.Listener) state.Addr {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return addr
	}
	if addr.Host == "" {
		addr.Host = host
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			addr.Host = cmp.Or(cfg.Broker.Raft.Addr.Host, hostTowards(cfg.Broker.ZK.Servers), "127.0.0.1")
		}
	}
	if addr.Port == 0 {
		addr.Port, _ = strconv.Atoi(port)
	}
	return addr
}
