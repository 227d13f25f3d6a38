package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf"
	"redis-failover/tests/pki"
	"redis-failover/tests/procs"
)

const patience = 30 * time.Second

// settings are those of a node with that certificate, among those of an
// authority.
func settings(ca *pki.Authority, own pki.Pair) conf.TLS {
	t := conf.Default().TLS
	t.CAFile, t.CertFile, t.KeyFile, t.ToServers = ca.File, own.Cert, own.Key, true
	return t
}

// open makes a store and has it echo what its clients send.
func open(t *testing.T, s conf.TLS) (store *Store, addr string) {
	t.Helper()
	store, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := store.Listen(tcp, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return store, l.Addr().String()
}

// echo sends a word over a connection and returns what is wrong with what comes
// back.
func echo(conn net.Conn) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "word"); err != nil {
		return err
	}
	var back [4]byte
	if _, err := io.ReadFull(conn, back[:]); err != nil {
		return err
	}
	if string(back[:]) != "word" {
		return errors.New("another word came back: " + string(back[:]))
	}
	return nil
}

// dial connects as a client with that configuration.
func dial(addr string, config *tls.Config) error {
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	return echo(tls.Client(raw, config))
}

// secure connects as a node does.
func secure(t *testing.T, s *Store, addr string) error {
	t.Helper()
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := s.Secure(ctx, raw)
	if err != nil {
		return err
	}
	return echo(conn)
}

func TestWhoMayConnect(t *testing.T) {
	ca, other, dir := pki.New(t, "ours"), pki.New(t, "other"), t.TempDir()
	node, friend, stranger := ca.Issue(dir, "node"), ca.Issue(dir, "friend"), other.Issue(dir, "stranger")
	for clients, may := range map[conf.TLSClients]struct{ nobody, stranger bool }{
		conf.TLSClientsMust: {}, conf.TLSClientsMay: {nobody: true}, conf.TLSClientsNone: {nobody: true, stranger: true},
	} {
		s := settings(ca, node)
		s.Clients = clients
		_, addr := open(t, s)
		for name, c := range map[string]struct {
			pair pki.Pair
			may  bool
		}{"friend": {friend, true}, "nobody": {pki.Pair{}, may.nobody}, "stranger": {stranger, may.stranger}} {
			if err := dial(addr, ca.Client(c.pair)); (err == nil) != c.may {
				t.Errorf("clients %s, %s: %v", clients, name, err)
			}
		}
	}
}

// A node shows its certificate to servers, or the one for that, and talks only to
// those whose authority is ours, whatever the name of their host.
func TestTowardsServers(t *testing.T) {
	ca, other, dir := pki.New(t, "ours"), pki.New(t, "other"), t.TempDir()
	_, addr := open(t, settings(ca, ca.Issue(dir, "server")))
	s := settings(ca, ca.Issue(dir, "node"))
	store, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := secure(t, store, addr); err != nil {
		t.Errorf("with the node's certificate: %v", err)
	}
	stranger := other.Issue(dir, "stranger")
	for name, pair := range map[string]pki.Pair{"good": ca.Issue(dir, "client"), "foreign": stranger} {
		s.ClientCertFile, s.ClientKeyFile = pair.Cert, pair.Key
		store, err := Open(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := secure(t, store, addr); (err == nil) != (name == "good") {
			t.Errorf("with a %s certificate for servers: %v", name, err)
		}
	}
	impostor := settings(other, stranger)
	impostor.Clients = conf.TLSClientsNone
	_, addr = open(t, impostor)
	if err := secure(t, store, addr); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a server of another authority: %v", err)
	}
}

func TestServerWithoutTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.WriteString(conn, "-ERR Protocol error\r\n")
		}
	}()
	ca := pki.New(t, "ours")
	store, err := Open(settings(ca, ca.Issue(t.TempDir(), "node")))
	if err != nil {
		t.Fatal(err)
	}
	if err := secure(t, store, l.Addr().String()); err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("plain server: %v", err)
	}
}

// With Reload new connections get what the files hold; files that are bad change
// nothing.
func TestReload(t *testing.T) {
	old, next, dir := pki.New(t, "old"), pki.New(t, "next"), t.TempDir()
	own := old.Issue(dir, "node")
	s := settings(old, own)
	s.CAFile = filepath.Join(dir, "ca.crt")
	copyFile(t, old.File, s.CAFile)
	store, addr := open(t, s)
	oldClient, nextClient := old.Client(old.Issue(dir, "a")), next.Client(next.Issue(dir, "b"))
	// Sessions are resumed, if the node lets them be.
	oldClient.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	oldClient.ServerName = "node"
	if err := dial(addr, oldClient); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Reload(); err == nil || !strings.Contains(err.Error(), own.Key) {
		t.Errorf("a bad key: %v", err)
	}
	if err := dial(addr, oldClient); err != nil {
		t.Errorf("after a bad key: %v", err)
	}
	next.Issue(dir, "node")
	copyFile(t, next.File, s.CAFile)
	if err := store.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := dial(addr, nextClient); err != nil {
		t.Errorf("with the new authority: %v", err)
	}
	// The client goes on trusting anybody, so it is the node that refuses.
	oldClient.VerifyConnection = nil
	if err := dial(addr, oldClient); err == nil {
		t.Error("a client of the old authority got in after it was replaced")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAuthorityDirectory(t *testing.T) {
	ca, other, dir := pki.New(t, "ours"), pki.New(t, "other"), t.TempDir()
	cas := t.TempDir()
	s := settings(ca, ca.Issue(dir, "node"))
	s.CAFile, s.CADir = "", cas
	if _, err := Open(s); err == nil || !strings.Contains(err.Error(), cas) {
		t.Errorf("an empty directory: %v", err)
	}
	copyFile(t, other.File, filepath.Join(cas, "a.pem"))
	copyFile(t, ca.File, filepath.Join(cas, "b.pem"))
	for _, link := range [][2]string{{"b.pem", "0a1b2c3d.0"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(link[0], filepath.Join(cas, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	_, addr := open(t, s)
	if err := dial(addr, ca.Client(ca.Issue(dir, "client"))); err != nil {
		t.Error(err)
	}
}

func TestBadFiles(t *testing.T) {
	ca, dir := pki.New(t, "ours"), t.TempDir()
	node, other := ca.Issue(dir, "node"), ca.Issue(dir, "other")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*conf.TLS)
		file   string
	}{
		"no certificate":       {func(s *conf.TLS) { s.CertFile = "gone.crt" }, "gone.crt"},
		"no key":               {func(s *conf.TLS) { s.KeyFile = "gone.key" }, "gone.key"},
		"another key":          {func(s *conf.TLS) { s.KeyFile = other.Key }, other.Key},
		"no client key":        {func(s *conf.TLS) { s.ClientCertFile, s.ClientKeyFile = node.Cert, "gone.key" }, "gone.key"},
		"no authorities":       {func(s *conf.TLS) { s.CAFile = "gone.ca" }, "gone.ca"},
		"a key as authority":   {func(s *conf.TLS) { s.CAFile = node.Key }, node.Key},
		"damaged authority":    {func(s *conf.TLS) { s.CAFile = text }, text},
		"no such directory":    {func(s *conf.TLS) { s.CADir = "gone.dir" }, "gone.dir"},
		"damaged certificate":  {func(s *conf.TLS) { s.CertFile = text }, text},
		"a directory as a key": {func(s *conf.TLS) { s.KeyFile = dir }, dir},
	} {
		s := settings(ca, node)
		c.change(&s)
		if _, err := Open(s); err == nil || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	none, err := Open(conf.Default().TLS)
	if err != nil {
		t.Fatal("without any file:", err)
	}
	if _, err := none.Listen(nil, nil); err == nil {
		t.Error("it listens without a certificate")
	}
}

// The forms in which OpenSSL encrypts keys.
func TestEncryptedKeys(t *testing.T) {
	openssl := procs.NeedTool(t, "openssl", "openssl")
	ca, dir := pki.New(t, "ours"), t.TempDir()
	node := ca.Issue(dir, "node")
	for name, how := range map[string][]string{
		"aes256":      {"pkcs8", "-topk8", "-v2", "aes256"},
		"aes128 sha1": {"pkcs8", "-topk8", "-v2", "aes128", "-v2prf", "hmacWithSHA1"},
		"sha512":      {"pkcs8", "-topk8", "-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"},
		"3des":        {"pkcs8", "-topk8", "-v2", "des3"},
		"old form":    {"ec", "-aes128"},
	} {
		s := settings(ca, node)
		s.KeyFile = filepath.Join(dir, "encrypted.key")
		args := append(how, "-in", node.Key, "-out", s.KeyFile, "-passout", "pass:open sesame")
		if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		for pass, want := range map[state.Secret]error{"open sesame": nil, "shut": errPass, "": errNoPass} {
			s.KeyPass = pass
			if _, err := Open(s); !errors.Is(err, want) && !(pass == "shut" && err != nil) {
				t.Errorf("%s with the password %q: %v", name, string(pass), err)
			}
			if pass == "" {
				continue
			}
			if _, err := Open(s); err != nil && strings.Contains(err.Error(), string(pass)) {
				t.Errorf("%s: the error shows the password: %v", name, err)
			}
		}
	}
}

// Not everything that calls itself an encrypted key is one.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := decryptKey(text, "x"); err == nil && got == nil && len(text) > 0 {
			t.Error("nothing came of a key")
		}
	})
}

// A client that takes nothing any more does not hold up the end.
func TestCloseDoesNotWait(t *testing.T) {
	ca, dir := pki.New(t, "ours"), t.TempDir()
	store, err := Open(settings(ca, ca.Issue(dir, "node")))
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe() // takes nothing that is not read
	defer far.Close()
	l, err := store.Listen(oneConn{near}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	conn, _ := l.Accept()
	shaken := make(chan error, 1)
	go func() { shaken <- tls.Client(far, ca.Client(ca.Issue(dir, "client"))).Handshake() }()
	if err := conn.(*Conn).handshake(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		_ = conn.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("Close waits for the client")
	}
}

// oneConn is a listener with one client.
type oneConn struct{ net.Conn }

func (o oneConn) Accept() (net.Conn, error) { return o.Conn, nil }
func (o oneConn) Addr() net.Addr            { return o.LocalAddr() }
