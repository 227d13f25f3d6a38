package conf

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const tlsConf = `port 0
tls-port 7000
bind 127.0.0.1 -::1
tls-cert-file node.crt
tls-key-file node.key
tls-key-file-pass hunter2
tls-client-cert-file client.crt
tls-client-key-file client.key
tls-client-key-file-pass hunter3
tls-ca-cert-file ca.crt
tls-ca-cert-dir cas
tls-auth-clients optional
tls-protocols "TLSv1.2 TLSv1.3"
tls-ciphers DEFAULT:!MEDIUM
tls-ciphersuites TLS_CHACHA20_POLY1305_SHA256
tls-prefer-server-ciphers yes
tls-session-caching no
tls-replication yes
protected-mode yes
tcp-keepalive 60
tcp-backlog 128
unixsocket node.sock
unixsocketperm 770
pidfile node.pid
bind-source-addr 127.0.0.1
`

func TestTLSOfSentinelConf(t *testing.T) {
	dir := t.TempDir()
	c := mustLoad(t, []string{file(t, "sentinel.conf", tlsConf+"dir "+dir+"\n")})
	if got := fmt.Sprint(c.Server.Listen, c.Server.TLSListen); got != "[] [{tcp 127.0.0.1:7000 false} {tcp6 [::1]:7000 true}]" {
		t.Errorf("listens on %s", got)
	}
	want := TLS{
		CertFile: dir + "/node.crt", KeyFile: dir + "/node.key", KeyPass: "hunter2",
		ClientCertFile: dir + "/client.crt", ClientKeyFile: dir + "/client.key", ClientKeyPass: "hunter3",
		CAFile: dir + "/ca.crt", CADir: dir + "/cas", Clients: TLSClientsMay,
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13, NoTickets: true, ToServers: true, ciphers: "DEFAULT:!MEDIUM",
	}
	if got := fmt.Sprintf("%#v", c.TLS); got != fmt.Sprintf("%#v", want) {
		t.Errorf("TLS is %s", got)
	}
	s := c.Server
	if !s.ProtectedMode || s.KeepAlive != time.Minute || s.Backlog != 128 || s.UnixSocket != dir+"/node.sock" || s.UnixSocketMode != 0o770 {
		t.Errorf("server is %+v", s)
	}
	if c.PidFile != dir+"/node.pid" || c.Monitor.BindSource != "127.0.0.1" {
		t.Errorf("pidfile %q, source %q", c.PidFile, c.Monitor.BindSource)
	}
	if len(c.Notices) != 2 || strings.Contains(c.Summary(), "hunter") {
		t.Errorf("notices %v, summary:\n%s", c.Notices, c.Summary())
	}
}

// The same by flags and by a TOML file; passwords are shown nowhere.
func TestTLSOfFlagsAndKeys(t *testing.T) {
	flags := mustLoad(t, strings.Fields("-addr off -tls_addr :7000 -tls_cert c -tls_key k -tls_key_pass hunter2 -tls_ca a "+
		"-tls_clients no -tls_versions TLSv1.3 -tls_to_servers yes -password hunter3"))
	keys := mustLoad(t, []string{file(t, "f.toml", `addr = "off"
password = "hunter3"
[tls]
addr = ":7000"
cert = "c"
key = "k"
key_pass = "hunter2"
ca = "a"
clients = "no"
versions = ["TLSv1.3"]
to_servers = "yes"
`)})
	for _, c := range []*Config{flags, keys} {
		want := TLS{CertFile: "c", KeyFile: "k", KeyPass: "hunter2", CAFile: "a", Clients: TLSClientsNone,
			MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13, ToServers: true}
		if fmt.Sprintf("%#v", c.TLS) != fmt.Sprintf("%#v", want) || len(c.Server.Listen) != 0 || c.Server.TLSListen[0].Addr != ":7000" {
			t.Errorf("TLS is %#v, server %+v", c.TLS, c.Server)
		}
		if c.Server.RequirePass != "hunter3" {
			t.Errorf("the password is %q", string(c.Server.RequirePass))
		}
		if strings.Contains(c.Summary(), "hunter") {
			t.Errorf("the summary shows a password:\n%s", c.Summary())
		}
	}
	got := faultsOf(t, strings.Fields("-password hunter2 --password=hunter3 -raft_password=hunter4 -tls_key_pass hunter5 -tls_key_pass x -tls_client_key x"))
	if strings.Contains(got, "hunter") {
		t.Errorf("the faults show a password: %s", got)
	}
}

func TestTLSFaults(t *testing.T) {
	for text, want := range map[string]string{
		"port 0":                          ":1: 'port 0': There is no address to listen on. ",
		"port 0\ntls-port 0":              ":1: 'port 0': There is no address to listen on. ",
		"tls-port 1":                      ":1: 'tls-port 1': Clients that connect with TLS need a certificate of this node and its key. Add -tls_cert, -tls_key; in a sentinel.conf tls-cert-file, tls-key-file.",
		"tls-auth-clients maybe":          `:1: 'tls-auth-clients maybe': There is no choice "maybe". Give yes, no or optional.`,
		"tls-replication maybe":           `:1: 'tls-replication maybe': "maybe" is neither yes nor no. Give yes or no.`,
		`tls-protocols "TLSv1.2 SSLv3"`:   `:1: 'tls-protocols "TLSv1.2 SSLv3"': "SSLv3" is no version of TLS. Give one or more`,
		`tls-protocols "TLSv1.1 TLSv1.3"`: `TLSv1.2 is left out between TLSv1.1 and TLSv1.3. Give one or more`,
		"tls-ciphers DHE-RSA-AES128-SHA":  `:1: 'tls-ciphers DHE-RSA-AES128-SHA': None of these ciphers is to be had: `,
		"unixsocketperm 1000":             `:1: 'unixsocketperm 1000': These are no permissions. Give octal digits, from 0 to 777.`,
		"unixsocketperm rw":               `:1: 'unixsocketperm rw': These are no permissions.`,
		"protected-mode maybe":            `:1: 'protected-mode maybe': argument must be 'yes' or 'no'.`,
		"tcp-keepalive -1":                `:1: 'tcp-keepalive -1': argument must be between 0 and 2147483647 inclusive.`,
		"tls-replication yes":             `:1: 'tls-replication yes': Without authorities`,
		"tls-replication yes\ntls-ca-cert-file a\ntls-client-cert-file c": `:3: 'tls-client-cert-file c'`,
	} {
		if got := faultsOf(t, []string{file(t, "s.conf", text+"\n")}); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestCiphers(t *testing.T) {
	for text, want := range map[string][]uint16{
		"":                            nil,
		"DEFAULT:!MEDIUM:!aNULL":      nil,
		"HIGH":                        nil,
		"ECDHE-RSA-AES128-GCM-SHA256": {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		"ecdhe-rsa-aes128-gcm-sha256, DHE-RSA-AES256-SHA AES128-SHA:!AES128-SHA": {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	} {
		c := mustLoad(t, []string{"-tls_cipher_list", text})
		if !slices.Equal(c.TLS.CipherSuites, want) {
			t.Errorf("%q: %v, want %v", text, c.TLS.CipherSuites, want)
		}
		if unheard := strings.Contains(text, "HIGH") || strings.Contains(text, "DHE-RSA-AES256-SHA"); unheard != (len(c.Notices) == 1) {
			t.Errorf("%q: notices %v", text, c.Notices)
		}
	}
}
