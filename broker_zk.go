package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/cluster/zk"
	"redis-failover/conf"
)

func zkOptions(cfg *conf.Config, log *slog.Logger) (zk.Options, error) {
	z := &cfg.Broker.ZK
	o := zk.Options{
		Dir: zkDir(cfg), ID: cfg.MyID, Path: z.Root + z.Path, SessionTimeout: z.SessionTimeout, Logger: log,
	}
	for _, a := range z.Servers {
		o.Servers = append(o.Servers, a.String())
	}
	var err error
	if o.Auth, err = zkCredentials(z.AuthFile); err != nil {
		return zk.Options{}, err
	}
	if o.TLS, err = zkTLS(z.TLS); err != nil {
		return zk.Options{}, err
	}
	return o, nil
}

// zkDir is where this node keeps its identity. It has the address that clients
// connect to in its name, so that several nodes of one machine may be given the
// same data directory, or none, as the older tool's were.
func zkDir(cfg *conf.Config) string {
	name := cfg.Server.UnixSocket
	if listen := slices.Concat(cfg.Server.Listen, cfg.Server.TLSListen); len(listen) > 0 {
		name = strings.TrimLeft(listen[0].Addr, ":")
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:[]%`, r) {
			return '_'
		}
		return r
	}, name)
	return filepath.Join(cfg.Broker.DataDir, "zk-"+name)
}

// zkCredentials reads "user:password"; "" is no file and no credentials. White
// space around them does not count: editors leave a line end.
func zkCredentials(file string) (state.Secret, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("zk_auth_file: %w", err)
	}
	text = bytes.TrimSpace(text)
	if user, password, ok := bytes.Cut(text, []byte(":")); !ok || len(user) == 0 || len(password) == 0 {
		return "", fmt.Errorf("zk_auth_file: %s does not hold one line of the form user:password", file)
	}
	return state.Secret(text), nil
}

// zkTLS is nil for a connection without TLS.
func zkTLS(files conf.ZKTLS) (*tls.Config, error) {
	if files.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(files.CAFile)
	if err != nil {
		return nil, fmt.Errorf("zk_tls_ca: %w", err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("zk_tls_ca: %s holds no certificate in PEM form", files.CAFile)
	}
	if files.CertFile != "" {
		own, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("zk_tls_cert, zk_tls_key: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// hostTowards is the address of this machine that one of some servers would see,
// "" if no way leads to any of them. Nothing is sent.
func hostTowards(servers []state.Addr) string {
	for _, a := range servers {
		conn, err := net.Dial("udp", a.String())
		if err != nil {
			continue
		}
		host, _, err := net.SplitHostPort(conn.LocalAddr().String())
		if err = errors.Join(err, conn.Close()); err == nil {
			return host
		}
	}
	return ""
}
