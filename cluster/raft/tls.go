package raft

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// server and client read the files anew each time: connections between members
// are few, and certificates are renewed while we run.

func (t TLS) server() (*tls.Config, error) {
	cert, pool, err := t.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}, nil
}

func (t TLS) client(addr string) (*tls.Config, error) {
	cert, pool, err := t.load()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		RootCAs: pool, ServerName: host,
	}, nil
}

func (t TLS) load() (tls.Certificate, *x509.CertPool, error) {
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("the certificate %s with the key %s for TLS between members: %w", t.CertFile, t.KeyFile, err)
	}
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("the authority for TLS between members: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return tls.Certificate{}, nil, fmt.Errorf("%s, the authority for TLS between members, holds no certificate in PEM", t.CAFile)
	}
	return cert, pool, nil
}

// accept and dial do the handshake of TLS, if that is on, within the deadline
// of the connection.

func (t TLS) accept(c net.Conn) (net.Conn, error) {
	if !t.enabled() {
		return c, nil
	}
	config, err := t.server()
	if err != nil {
		return nil, err
	}
	return handshake(tls.Server(c, config))
}

func (t TLS) dial(c net.Conn, addr string) (net.Conn, error) {
	if !t.enabled() {
		return c, nil
	}
	config, err := t.client(addr)
	if err != nil {
		return nil, err
	}
	return handshake(tls.Client(c, config))
}

func handshake(c *tls.Conn) (net.Conn, error) {
	err := c.Handshake()
	if notTLS := (tls.RecordHeaderError{}); errors.As(err, &notTLS) {
		return nil, fmt.Errorf("the other end does not speak TLS: give all members the same TLS settings (%w)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return c, nil
}
