package conf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-failover/cluster/state"
)

func tlsSettings() table {
	return table{
		fileSetting("tls_cert", "tls.cert", "the certificate that this node shows, with those between it and the authority, PEM",
			func(c *Config) *string { return &c.TLS.CertFile }),
		fileSetting("tls_key", "tls.key", "the key of -tls_cert, PEM",
			func(c *Config) *string { return &c.TLS.KeyFile }),
		secretSetting("tls_key_pass", "tls.key_pass", "the password of -tls_key",
			func(c *Config) *state.Secret { return &c.TLS.KeyPass }),
		fileSetting("tls_client_cert", "tls.client_cert", "the certificate shown to servers and members, if it is not -tls_cert, PEM",
			func(c *Config) *string { return &c.TLS.ClientCertFile }),
		fileSetting("tls_client_key", "tls.client_key", "the key of -tls_client_cert, PEM",
			func(c *Config) *string { return &c.TLS.ClientKeyFile }),
		secretSetting("tls_client_key_pass", "tls.client_key_pass", "the password of -tls_client_key",
			func(c *Config) *state.Secret { return &c.TLS.ClientKeyPass }),
		fileSetting("tls_ca", "tls.ca", "the authorities that certificates of clients, servers and members must come from, PEM",
			func(c *Config) *string { return &c.TLS.CAFile }),
		{
			name: "tls_ca_dir", arg: "DIR", keys: []string{"tls.ca_dir"},
			help: "a directory with files of authorities, beside -tls_ca or in its place",
			want: "Name a directory that this process may read.",
			set:  func(c *Config, text string) error { c.TLS.CADir = text; return nil },
			show: func(c *Config) string { return c.TLS.CADir },
		},
		{
			name: "tls_clients", arg: "WORD", keys: []string{"tls.clients"},
			help: "whether clients must show a certificate: yes, no or optional",
			want: "Give yes, no or optional.",
			set: func(c *Config, text string) error {
				return setWord(&c.TLS.Clients, text, TLSClientsMust, TLSClientsNone, TLSClientsMay)
			},
			show: func(c *Config) string { return string(c.TLS.Clients) },
		},
		{
			name: "tls_versions", arg: "LIST", list: true, keys: []string{"tls.versions"},
			help: "the versions of TLS that are spoken",
			want: "Give one or more of TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, without a gap.",
			set:  func(c *Config, text string) error { return setVersions(&c.TLS, text) },
			show: func(c *Config) string { return versionsText(&c.TLS) },
		},
		{
			name: "tls_cipher_list", arg: "LIST", list: true, keys: []string{"tls.cipher_list"},
			help: "the ciphers of TLS 1.2 and before, by OpenSSL's names; those that Go finds safe if not given",
			want: "Give names such as ECDHE-RSA-AES128-GCM-SHA256, with colons between.",
			set:  func(c *Config, text string) error { return setCiphers(&c.TLS, text) },
			show: func(c *Config) string { return c.TLS.ciphers },
		},
		yesNoSetting("tls_to_servers", "connect to masters, replicas and other members with TLS",
			func(c *Config) *bool { return &c.TLS.ToServers }, "tls.to_servers"),
	}
}

func secretSetting(name, key, help string, field func(*Config) *state.Secret) setting {
	return setting{
		name: name, arg: "PASSWORD", keys: []string{key}, help: help, want: "Give any text.", secret: true,
		set:  func(c *Config, text string) error { *field(c) = state.Secret(text); return nil },
		show: func(c *Config) string { return hiddenText(*field(c)) },
	}
}

// tlsVersions are Redis's names, the oldest version first.
var tlsVersions = []struct {
	name    string
	version uint16
}{
	{"TLSv1", tls.VersionTLS10}, {"TLSv1.1", tls.VersionTLS11}, {"TLSv1.2", tls.VersionTLS12}, {"TLSv1.3", tls.VersionTLS13},
}

// listWords splits at spaces, commas and colons.
func listWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,:", r) })
}

// setVersions reads a list of versions; an empty one is the default. Between the
// oldest and the newest there may be no gap, which crypto/tls could not keep.
func setVersions(t *TLS, text string) error {
	var named [4]bool
	for _, word := range listWords(text) {
		i := slices.IndexFunc(tlsVersions, func(v struct {
			name    string
			version uint16
		}) bool {
			return strings.EqualFold(v.name, word)
		})
		if i < 0 {
			return fmt.Errorf("%q is no version of TLS", word)
		}
		named[i] = true
	}
	first := slices.Index(named[:], true)
	if first < 0 {
		d := Default().TLS
		t.MinVersion, t.MaxVersion = d.MinVersion, d.MaxVersion
		return nil
	}
	last := first
	for i := first; i < len(named); i++ {
		if named[i] && i > last+1 {
			return fmt.Errorf("%s is left out between %s and %s", tlsVersions[last+1].name, tlsVersions[last].name, tlsVersions[i].name)
		}
		if named[i] {
			last = i
		}
	}
	t.MinVersion, t.MaxVersion = tlsVersions[first].version, tlsVersions[last].version
	return nil
}

func versionsText(t *TLS) string {
	var names []string
	for _, v := range tlsVersions {
		if v.version >= t.MinVersion && v.version <= t.MaxVersion {
			names = append(names, v.name)
		}
	}
	return strings.Join(names, " ")
}

// opensslCiphers are OpenSSL's names of what crypto/tls has for TLS 1.2 and
// before.
var opensslCiphers = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// cipherList is what becomes of a list in OpenSSL's words.
type cipherList struct {
	suites []uint16
	// foreign are the names that Go does not have, or that are rules of
	// OpenSSL's own (HIGH, kRSA, @STRENGTH) which Go does not follow.
	foreign []string
}

// readCiphers reads such a list. What is excluded (!aNULL) is excluded by Go in
// any case or taken off the list.
func readCiphers(text string) cipherList {
	var list cipherList
	for _, word := range listWords(text) {
		name := strings.ToUpper(strings.TrimLeft(word, "!-"))
		suite, known := opensslCiphers[name]
		switch {
		case name != strings.ToUpper(word):
			list.suites = slices.DeleteFunc(list.suites, func(s uint16) bool { return known && s == suite })
		case known:
			list.suites = append(list.suites, suite)
		case name != "DEFAULT":
			list.foreign = append(list.foreign, word)
		}
	}
	return list
}

// setCiphers reads a list of ciphers. One without a single name that Go knows is
// refused if it has any name at all: a list that is meant to hold others back
// must not come out as the default.
func setCiphers(t *TLS, text string) error {
	list := readCiphers(text)
	if len(list.suites) == 0 && slices.ContainsFunc(list.foreign, isCipherName) {
		return errors.New("none of these ciphers is to be had: Go has those with ECDHE or RSA and AES-GCM, AES-CBC or CHACHA20-POLY1305")
	}
	t.ciphers, t.CipherSuites = text, list.suites
	return nil
}

// isCipherName tells names of ciphers from OpenSSL's groups of them.
func isCipherName(word string) bool { return strings.Contains(word, "-") }

// tlsNotices speaks of what is asked for and not done.
func (l *loader) tlsNotices() {
	if foreign := readCiphers(l.config.TLS.ciphers).foreign; len(foreign) > 0 && !l.faulty["tls_cipher_list"] {
		text := "Go does not have " + strings.Join(foreign, ", ") + ": left out of the ciphers."
		if len(l.config.TLS.CipherSuites) == 0 {
			text = "Go has no such groups of ciphers (" + strings.Join(foreign, ", ") + "): it uses those that it finds safe."
		}
		l.config.Notices = append(l.config.Notices, Notice{At: l.config.given["tls_cipher_list"].at, Text: text})
	}
}
