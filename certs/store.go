package certs

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"

	"redis-failover/conf"
)

// Store holds what the files of a configuration hold. Its methods may be called
// from any goroutine.
type Store struct {
	settings conf.TLS
	now      atomic.Pointer[contents]
}

// contents is what the files held when they were last read without a fault.
type contents struct {
	// clients is for those who connect to us, nil without a certificate to show.
	clients *tls.Config
	// servers is for what we connect to.
	servers *tls.Config
}

// Open reads all files that settings names. The error names the file.
func Open(settings conf.TLS) (*Store, error) {
	s := &Store{settings: settings}
	return s, s.Reload()
}

// Reload reads the files anew. After an error everything is as it was.
func (s *Store) Reload() error {
	c, err := read(&s.settings)
	if err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	s.now.Store(c)
	return nil
}

func read(t *conf.TLS) (*contents, error) {
	authorities, err := readAuthorities(t.CAFile, t.CADir)
	if err != nil {
		return nil, err
	}
	own, err := readPair(t.CertFile, t.KeyFile, t.KeyPass)
	if err != nil {
		return nil, err
	}
	shown := own
	if t.ClientCertFile != "" {
		if shown, err = readPair(t.ClientCertFile, t.ClientKeyFile, t.ClientKeyPass); err != nil {
			return nil, err
		}
	}
	c := &contents{servers: towardsServers(t, shown, authorities)}
	if own != nil {
		c.clients = towardsClients(t, own, authorities)
	}
	return c, nil
}

// towardsClients is what we are to those who connect to us.
func towardsClients(t *conf.TLS, own *tls.Certificate, authorities *x509.CertPool) *tls.Config {
	c := common(t)
	c.Certificates = []tls.Certificate{*own}
	c.ClientCAs = authorities
	c.ClientAuth = map[conf.TLSClients]tls.ClientAuthType{
		conf.TLSClientsMust: tls.RequireAndVerifyClientCert,
		conf.TLSClientsMay:  tls.VerifyClientCertIfGiven,
		conf.TLSClientsNone: tls.NoClientCert,
	}[t.Clients]
	c.SessionTicketsDisabled = t.NoTickets
	// A ticket stands for a certificate that was checked against the authorities
	// of its time, so it must not outlive them.
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	c.SetSessionTicketKeys([][32]byte{key})
	return c
}

// towardsServers is what we are to those we connect to.
func towardsServers(t *conf.TLS, shown *tls.Certificate, authorities *x509.CertPool) *tls.Config {
	c := common(t)
	if shown != nil {
		// Also to servers that ask for one of another authority: their refusal says
		// more than that of a node without any.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	// crypto/tls checks names together with the rest or nothing at all.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error { return issuedBy(authorities, state.PeerCertificates) }
	return c
}

func common(t *conf.TLS) *tls.Config {
	return &tls.Config{MinVersion: t.MinVersion, MaxVersion: t.MaxVersion, CipherSuites: t.CipherSuites}
}

// issuedBy returns why a server's certificate does not come from one of the
// authorities.
func issuedBy(authorities *x509.CertPool, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("the server shows no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between})
	return err
}
