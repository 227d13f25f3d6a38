package procs

import (
	"crypto/tls"
	"strconv"
	"testing"

	"redis-failover/tests/pki"
)

// TLS is what all servers of a test share that speak TLS and nothing else: an
// authority, and one certificate that each of them and the test itself shows.
type TLS struct {
	Authority *pki.Authority
	Pair      pki.Pair
}

// NewTLS makes an authority and a certificate.
func NewTLS(t testing.TB) *TLS {
	t.Helper()
	authority := pki.New(t, "test")
	return &TLS{Authority: authority, Pair: authority.Issue(t.TempDir(), "everybody")}
}

// Flags are those with which a redis-failover connects to servers and members by
// TLS.
func (s *TLS) Flags() []string {
	return []string{"-tls_cert=" + s.Pair.Cert, "-tls_key=" + s.Pair.Key, "-tls_ca=" + s.Authority.File, "-tls_to_servers=yes"}
}

// listenFlags are the flags with which a redis-failover listens on an address; a
// nil TLS is plain TCP.
func (s *TLS) listenFlags(addr string) []string {
	if s == nil {
		return []string{"-addr=" + addr}
	}
	return append([]string{"-addr=off", "-tls_addr=" + addr}, s.Flags()...)
}

// lines turn the configuration of a redis-server to TLS.
func (s *TLS) lines(port int) []string {
	return []string{
		"port 0", "tls-port " + strconv.Itoa(port), "tls-replication yes",
		"tls-cert-file " + s.Pair.Cert, "tls-key-file " + s.Pair.Key, "tls-ca-cert-file " + s.Authority.File,
	}
}

// config is how the test connects; nil for plain TCP.
func (s *TLS) config() *tls.Config {
	if s == nil {
		return nil
	}
	return s.Authority.Client(s.Pair)
}
