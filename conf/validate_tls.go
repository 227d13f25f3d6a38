package conf

import "strings"

// tls checks that what TLS is used for has its files. What is in them shows when
// they are read. What is missing is told where it is needed, because it stands
// nowhere itself.
func (v *validator) tls() {
	t := &v.TLS
	if t.MinVersion > t.MaxVersion {
		v.bad("tls_versions", "The oldest version is newer than the newest.")
	}
	listens := len(v.Server.TLSListen) > 0
	if listens && (t.CertFile == "" || t.KeyFile == "") {
		v.missing("tls_addr", "Clients that connect with TLS need a certificate of this node and its key.", "tls_cert", "tls_key")
	}
	if !listens && t.CertFile != "" && t.KeyFile == "" {
		v.missing("tls_cert", "The certificate needs its key.", "tls_key")
	}
	if t.ClientCertFile != "" && t.ClientKeyFile == "" {
		v.missing("tls_client_cert", "The certificate needs its key.", "tls_client_key")
	}
	if t.CAFile != "" || t.CADir != "" {
		return
	}
	if t.ToServers {
		v.missing("tls_to_servers", "Without authorities the certificates of servers cannot be checked.", "tls_ca", "tls_ca_dir")
	}
	if listens && t.Clients != TLSClientsNone {
		v.missing("tls_addr", "Without authorities the certificates of clients cannot be checked; they need none with -tls_clients no (tls-auth-clients no).",
			"tls_ca", "tls_ca_dir")
	}
}

// missing reports settings that another one needs.
func (v *validator) missing(needy, problem string, settings ...string) {
	flags, directives := make([]string, len(settings)), make([]string, len(settings))
	for i, name := range settings {
		if v.faulty[name] {
			return
		}
		flags[i] = "-" + name
		for directive, setting := range directiveSettings {
			if setting == name {
				directives[i] = directive
			}
		}
	}
	v.bad(needy, problem, "Add "+strings.Join(flags, ", ")+"; in a sentinel.conf "+strings.Join(directives, ", ")+".")
}
