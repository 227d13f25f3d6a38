package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/certs"
	"redis-failover/cluster/state"
	"redis-failover/conf"
)

// mover is "redis-failover export" and "redis-failover import": they ask a node
// that runs, as any client may with SENTINEL EXPORT and IMPORT.
type mover struct {
	node            string
	user, passFile  string
	tls             bool
	files           conf.TLS
	secrets, paused bool
	stale           bool
}

// moveWithin is how long a node may take: longer than it lets IMPORT run.
const moveWithin = 3 * time.Minute

// move runs one of the two. What it says goes to stdout, the export too.
func move(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	verb := args[0]
	var m mover
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	usage := &bytes.Buffer{}
	flags.SetOutput(usage)
	flags.StringVar(&m.user, "user", "", "the `user` to log in as, if it is not the default one")
	flags.StringVar(&m.passFile, "password_file", "", "a `file` with the password (else the variable REDISCLI_AUTH)")
	flags.BoolVar(&m.tls, "tls", false, "connect with TLS")
	flags.StringVar(&m.files.CAFile, "tls_ca", "", "the authorities that the node's certificate must come from, PEM `file`")
	flags.StringVar(&m.files.CertFile, "tls_cert", "", "the certificate to show, PEM `file`")
	flags.StringVar(&m.files.KeyFile, "tls_key", "", "its key, PEM `file`")
	if verb == "export" {
		flags.BoolVar(&m.secrets, "secrets", false, "with passwords: keep the result as you keep them")
		flags.BoolVar(&m.stale, "stale", false, "what this node knows, though no majority confirms it: for when there is none any more")
	} else {
		flags.BoolVar(&m.paused, "paused", false, "do nothing by itself about what is added, until SENTINEL RESUME")
	}
	flags.Usage = func() {
		fmt.Fprintf(usage, "redis-failover %s [flags] HOST:PORT\n", verb)
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		_, err := usage.WriteTo(stdout)
		return err
	case err != nil:
		return fmt.Errorf("%s: %w (-help lists the flags)", verb, err)
	case flags.NArg() != 1:
		return fmt.Errorf("%s: name one node as HOST:PORT after the flags, not %q", verb, flags.Args())
	}
	m.node = flags.Arg(0)
	conn, err := m.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	defer conn.Close()
	if verb == "export" {
		err = m.export(conn, stdout)
	} else {
		err = m.bringIn(conn, stdin, stdout)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

func (m *mover) connect(ctx context.Context) (redis.Conn, error) {
	password := os.Getenv("REDISCLI_AUTH")
	if m.passFile != "" {
		text, err := os.ReadFile(m.passFile)
		if err != nil {
			return nil, err
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	options := []redis.DialOption{redis.DialConnectTimeout(10 * time.Second), redis.DialReadTimeout(moveWithin), redis.DialWriteTimeout(moveWithin)}
	if m.tls {
		store, err := certs.Open(m.files)
		if err != nil {
			return nil, err
		}
		options = append(options, redis.DialContextFunc(func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return store.Secure(ctx, raw)
		}))
	}
	if password != "" {
		options = append(options, redis.DialUsername(m.user), redis.DialPassword(password))
	}
	return redis.DialContext(ctx, "tcp", m.node, options...)
}

func (m *mover) export(conn redis.Conn, stdout io.Writer) error {
	args := []any{"EXPORT"}
	if m.secrets {
		args = append(args, "SECRETS")
	}
	if m.stale {
		args = append(args, "STALE")
	}
	text, err := redis.Bytes(conn.Do("SENTINEL", args...))
	if err != nil {
		return err
	}
	_, err = stdout.Write(append(text, '\n'))
	return err
}

func (m *mover) bringIn(conn redis.Conn, stdin io.Reader, stdout io.Writer) error {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	portions, err := portionsOf(text)
	if err != nil {
		return err
	}
	for _, p := range portions { // before anything is changed
		if _, err := conn.Do("SENTINEL", "IMPORT", p, "CHECK"); err != nil {
			return err
		}
	}
	var result imported
	for _, p := range portions {
		args := []any{"IMPORT", p}
		if m.paused {
			args = append(args, "PAUSED")
		}
		pairs, err := redis.Values(conn.Do("SENTINEL", args...))
		if err == nil {
			err = result.add(pairs)
		}
		if err != nil {
			return fmt.Errorf("%w (%d masters were added before)", err, result.added)
		}
	}
	_, err = fmt.Fprintf(stdout, "%d masters added, %d were there\n", result.added, result.there)
	if len(result.missing) > 0 {
		_, missing := fmt.Fprintf(stdout, "passwords were not in the export: say SENTINEL SET <name> auth-pass for %s\n", strings.Join(result.missing, ", "))
		err = errors.Join(err, missing)
	}
	return err
}

// portion is how many masters are sent at once: a node refuses commands that are
// longer than a megabyte.
const portion = 200

// portionsOf are exports with some of the masters of one each, and all else of it.
func portionsOf(text []byte) ([][]byte, error) {
	e, err := state.ReadExport(text)
	if err != nil {
		return nil, err
	}
	var portions [][]byte
	all := e.Masters
	for first := true; first || len(all) > 0; first = false {
		n := min(portion, len(all))
		e.Masters, all = all[:n], all[n:]
		p, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		portions = append(portions, p)
	}
	return portions, nil
}

// imported is what became of the masters of an import.
type imported struct {
	added, there int
	missing      []string
}

// add counts what SENTINEL IMPORT answers.
func (i *imported) add(pairs []any) error {
	for len(pairs) >= 2 {
		key, err := redis.String(pairs[0], nil)
		n := 0
		switch {
		case err != nil:
		case key == "added":
			n, err = redis.Int(pairs[1], nil)
			i.added += n
		case key == "already-there":
			n, err = redis.Int(pairs[1], nil)
			i.there += n
		case key == "passwords-missing":
			var names []string
			names, err = redis.Strings(pairs[1], nil)
			i.missing = append(i.missing, names...)
		}
		if err != nil {
			return err
		}
		pairs = pairs[2:]
	}
	return nil
}
