package raft

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/tests/procs"
)

// reasonOf waits until the health of a node names a reason.
func (g *group) reasonOf(i int, want string) {
	g.t.Helper()
	procs.Eventually(g.t, patience, func() error {
		if h := g.nodes[i].broker.Health(); h.Condition == cluster.Ready || !strings.Contains(h.Reason, want) {
			return fmt.Errorf("node %d is %s: %q, which does not say %q", i, h.Condition, h.Reason, want)
		}
		return nil
	})
}

// TestSecret: members that know the secret form a group; one that has another,
// or none, does not get in, and all say why.
func TestSecret(t *testing.T) {
	g := newGroup(t, 3)
	for i, n := range g.nodes {
		n.options.Secret = "open sesame"
		if i == 2 {
			n.options.Secret = "open barley"
		}
		g.start(i)
	}
	g.is(0, cluster.Ready)
	g.add(1, 1)
	g.reasonOf(2, "shared secret")
	g.stop(2)
	g.nodes[2].options.Secret = ""
	g.start(2)
	g.reasonOf(2, "shared secret")
	for _, n := range g.nodes {
		if strings.Contains(n.log.tail(1000), "sesame") {
			t.Error("the secret is in the log")
		}
	}
	g.stop(2)
	g.nodes[2].options.Secret = "open sesame"
	g.start(2)
	g.is(2, cluster.Ready)
	g.has(2, 1)
}

// TestTLS: members with certificates of the group's authority form a group,
// others do not get in.
func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	g := newGroup(t, 3)
	for i, n := range g.nodes {
		n.options.TLS = ca.member(t, "127.0.0.1")
		if i == 2 {
			n.options.TLS = other.member(t, "127.0.0.1")
		}
		g.start(i)
	}
	g.is(0, cluster.Ready)
	g.add(1, 1)
	g.reasonOf(2, "certificate")

	g.stop(2)
	g.nodes[2].options.TLS = TLS{}
	g.start(2)
	g.reasonOf(2, "TLS")

	g.stop(2)
	g.nodes[2].options.TLS = ca.member(t, "192.0.2.1") // of another host
	g.start(2)
	procs.Eventually(t, patience, func() error {
		for _, p := range g.nodes[0].broker.Peers() {
			if strings.Contains(p.Trouble, "certificate") {
				return nil
			}
		}
		return errors.New("nobody minds a certificate of another host")
	})

	g.stop(2)
	g.nodes[2].options.TLS = ca.member(t, "127.0.0.1")
	g.nodes[2].options.Secret = ""
	g.start(2)
	g.is(2, cluster.Ready)
	g.has(2, 1)

	// Certificates are renewed while members run.
	for _, n := range g.nodes {
		renewed := ca.member(t, "127.0.0.1")
		for from, to := range map[string]string{renewed.CertFile: n.options.TLS.CertFile, renewed.KeyFile: n.options.TLS.KeyFile} {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.stop(1)
	g.start(1)
	g.is(1, cluster.Ready)
}

// TestTLSFiles: files that cannot be used are an error of Open, which names them.
func TestTLSFiles(t *testing.T) {
	ca := newAuthority(t)
	for what, c := range map[string]struct {
		spoil func(*TLS)
		want  string
	}{
		"no certificate":             {func(f *TLS) { f.CertFile = "/nowhere" }, "/nowhere"},
		"an authority that is a key": {func(f *TLS) { f.CAFile = f.KeyFile }, "no certificate in PEM"},
		"no authority":               {func(f *TLS) { f.CAFile = "/nowhere" }, "/nowhere"},
	} {
		g := newGroup(t, 1)
		o := g.nodes[0].options
		o.TLS = ca.member(t, "127.0.0.1")
		c.spoil(&o.TLS)
		b, err := Open(o)
		if err == nil {
			_ = b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNonsense: what strangers send to the port does no harm.
func TestNonsense(t *testing.T) {
	g := openGroup(t, 1)
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", wireMagic, strings.Repeat("x", 10_000), wireMagic + strings.Repeat("\xff", 10_000)} {
		c, err := net.Dial("tcp", g.nodes[0].options.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Logf("%q: %v", text[:min(20, len(text))], err)
		}
		_ = c.Close()
	}
	g.add(0, 1)
}

// TestCrowdOfStrangers: only so many connections of whom nothing is known are open at
// a time, and members get through in the end.
func TestCrowdOfStrangers(t *testing.T) {
	g := openGroup(t, 1)
	m := g.nodes[0].broker.mesh
	var crowd []net.Conn
	for range 2 * maxUnproved {
		c, err := net.Dial("tcp", g.nodes[0].options.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		crowd = append(crowd, c)
	}
	turnedAway := make(chan struct{})
	go func() {
		defer close(turnedAway)
		_ = crowd[0].SetReadDeadline(time.Now().Add(patience))
		_, _ = crowd[0].Read(make([]byte, 1))
	}()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	most := 0
	for !isClosed(turnedAway) {
		<-look.C
		m.mu.Lock()
		most = max(most, len(m.conns))
		m.mu.Unlock()
	}
	if most > maxUnproved {
		t.Errorf("%d connections in the handshake at a time; %d are the most", most, maxUnproved)
	}
	i := g.prepareJoiner()
	g.start(i)
	g.grow(0, i)
	g.is(i, cluster.Ready)
}

// TestIPv6: members may have IPv6 addresses.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		procs.Unavailable(t, "there is no IPv6 on this machine: %v", err)
	}
	_ = l.Close()
	g := newGroup(t, 2)
	for _, n := range g.nodes {
		n.options.Addr = strings.Replace(n.options.Addr, "127.0.0.1", "[::1]", 1)
	}
	list := g.addrs()
	for i, n := range g.nodes {
		n.options.Founders = list
		g.start(i)
	}
	g.ready()
	g.add(0, 1)
	g.has(1, 1)
}

// authority signs certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{dir: t.TempDir(), key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.dir, "ca.pem"), "CERTIFICATE", der)
	return a
}

// member makes the files of a member at a host.
func (a *authority) member(t *testing.T, host string) TLS {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "member"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.ParseIP(host)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := TLS{CAFile: filepath.Join(a.dir, "ca.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	writePEM(t, files.CertFile, "CERTIFICATE", der)
	writePEM(t, files.KeyFile, "EC PRIVATE KEY", keyDER)
	return files
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
