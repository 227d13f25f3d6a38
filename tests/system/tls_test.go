package system

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"redis-failover/tests/pki"
	"redis-failover/tests/procs"
)

// Nobody speaks anything but TLS: the servers, the node and an application, which
// goes on writing when the master dies and the old one comes back.
func TestAllByTLS(t *testing.T) {
	t.Parallel()
	secure := procs.NewTLS(t)
	s := play(t, stage{redis: procs.Opts{TLS: secure}})
	client := goredis.NewFailoverClient(&goredis.FailoverOptions{
		MasterName: group, SentinelAddrs: []string{s.node.Addr.String()}, TLSConfig: secure.Authority.Client(secure.Pair),
	})
	t.Cleanup(func() { client.Close() })
	w := startWriter(t, client)
	w.awaitWritesTo(t, s.Master)
	s.Master.Kill()
	promoted := s.switchFrom(s.Master)
	w.awaitWritesTo(t, promoted)
	s.agree(promoted, s.others(s.Master, promoted)...)
	s.Master.Restart()
	s.agree(promoted, s.others(promoted)...)
	w.awaitWritesTo(t, promoted)
	s.node.Must("SENTINEL", "FAILOVER", group)
	next := s.switchFrom(promoted)
	w.awaitWritesTo(t, next)
	s.agree(next, s.others(next)...)
	if _, err := plainPing(s.node.Addr.String()); err == nil {
		t.Error("a client without TLS was answered")
	}
}

// plainPing asks without TLS.
func plainPing(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return "", err
	}
	reply := make([]byte, 5)
	n, err := conn.Read(reply)
	if err == nil && string(reply[:n]) != "+PONG" {
		err = errors.New("this is no answer")
	}
	return string(reply[:n]), err
}

// The certificate is replaced while the node runs: with SIGHUP new clients get the
// new one, a bad one changes nothing, and those who are connected stay.
func TestNewCertificate(t *testing.T) {
	t.Parallel()
	ca, dir := pki.New(t, "group"), t.TempDir()
	own := ca.Issue(dir, "node")
	config := ca.Client(pki.Pair{})
	secure := &procs.TLS{Authority: ca, Pair: own}
	n := procs.StartNode(t, procs.NodeOpts{TLS: secure, Args: []string{"-tls_clients=no"}})
	stays := n.Connect()
	before := shownBy(t, n, config)

	if err := os.WriteFile(own.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(t, n)
	n.AwaitLog(patience, "SIGHUP: what there was stays in use")
	if got := shownBy(t, n, config); got != before {
		t.Error("a key that cannot be read replaced the certificate")
	}
	ca.Issue(dir, "node")
	hangUp(t, n)
	procs.Eventually(t, patience, func() error {
		if shownBy(t, n, config) == before {
			return errors.New("the old certificate is still shown")
		}
		return nil
	})
	if _, err := stays.Do("PING"); err != nil {
		t.Errorf("a client that was connected: %v", err)
	}
}

func hangUp(t *testing.T, n *procs.Node) {
	t.Helper()
	if err := syscall.Kill(n.Pid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// shownBy is the serial number of a node's certificate.
func shownBy(t *testing.T, n *procs.Node, config *tls.Config) string {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", n.Addr.String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// What is wrong with the files is said before anything begins.
func TestUnusableTLS(t *testing.T) {
	t.Parallel()
	secure := procs.NewTLS(t)
	flags := strings.Join(secure.Flags(), " ")
	for _, test := range []struct {
		name, flags string
		words       []string
	}{
		{"no certificate", "-tls_addr=127.0.0.1:0", []string{"-tls_addr", "certificate", "-tls_cert"}},
		{"no authorities", "-tls_to_servers=yes", []string{"-tls_to_servers", "-tls_ca"}},
		{"no such file", flags + " -tls_cert=/gone.crt", []string{"/gone.crt", "no such file"}},
		{"no certificate in the file", flags + " -tls_ca=" + secure.Pair.Key, []string{secure.Pair.Key, "no certificate"}},
		{"the key of another", flags + " -tls_key=" + secure.Authority.Issue(t.TempDir(), "other").Key, []string{"does not match"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefusedStart(t, append(strings.Fields(test.flags), "-data_dir="+t.TempDir()), test.words...)
		})
	}
}

// All commands that an administrator has renamed are called by their new names.
func TestRenamedCommands(t *testing.T) {
	t.Parallel()
	var renamed, conf []string
	for _, name := range []string{"CONFIG", "SLAVEOF", "MULTI", "EXEC", "CLIENT", "SUBSCRIBE"} {
		renamed = append(renamed, fmt.Sprintf("rename-command %s hidden-%s", name, name))
		conf = append(conf, fmt.Sprintf("sentinel rename-command %s %s hidden-%s", group, name, name))
	}
	master := procs.Redis(t, procs.Opts{Config: renamed})
	replica := procs.Redis(t, procs.Opts{Config: renamed, ReplicaOf: master.Addr})
	procs.Eventually(t, patience, func() error { return replica.Follows(master.Addr) })
	s := &scene{t: t, RedisGroup: &procs.RedisGroup{Master: master, Replicas: []*procs.Server{replica}}}
	s.node = procs.Failover(t, writeConf(t, append([]string{
		fmt.Sprintf("sentinel monitor %s %s %d 1", group, master.Addr.Host, master.Addr.Port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
	}, conf...)))
	procs.Eventually(t, patience, s.watched)
	s.events = procs.Subscribe(t, s.node.Server, "*")
	master.Kill()
	s.agree(s.switchFrom(master))
	master.Restart()
	s.agree(replica, master)
	// The order was a transaction with CONFIG REWRITE in it, not a lone SLAVEOF.
	procs.Eventually(t, patience, func() error {
		text, err := os.ReadFile(master.Dir + "/redis.conf")
		if err == nil && !strings.Contains(string(text), fmt.Sprintf("replicaof %s %d", replica.Addr.Host, replica.Addr.Port)) {
			err = errors.New("the old master's file does not name its new master")
		}
		return err
	})
}
