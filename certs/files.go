package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"redis-failover/cluster/state"
)

// readPair reads a certificate and its key; without names there is none.
func readPair(certFile, keyFile string, pass state.Secret) (*tls.Certificate, error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("the certificate: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	if key, err = decryptKey(key, pass); err != nil {
		return nil, fmt.Errorf("the key %s: %w", keyFile, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	return &pair, nil
}

// readAuthorities reads the authorities of a file and of all files of a
// directory. Without names there are none, and nobody is trusted.
func readAuthorities(file, dir string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the authorities: %w", err)
		}
		n, err := addAuthorities(pool, text)
		if err == nil && n == 0 {
			err = errors.New("there is no certificate in PEM in it")
		}
		if err != nil {
			return nil, fmt.Errorf("the authorities %s: %w", file, err)
		}
	}
	if dir != "" {
		if err := addDirectory(pool, dir); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// addDirectory takes all certificates of a directory. OpenSSL looks at links
// there that are named by a hash; these lead to the same files, and a
// certificate counts once.
func addDirectory(pool *x509.CertPool, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("the directory of authorities: %w", err)
	}
	total := 0
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue // a link to nowhere, or a directory
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("the directory of authorities: %w", err)
		}
		n, err := addAuthorities(pool, text)
		if err != nil {
			return fmt.Errorf("the authorities %s: %w", path, err)
		}
		total += n
	}
	if total == 0 {
		return fmt.Errorf("the directory of authorities %s: no file in it has a certificate in PEM", dir)
	}
	return nil
}

// addAuthorities takes the certificates of a PEM text and returns their number.
func addAuthorities(pool *x509.CertPool, text []byte) (int, error) {
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return n, err
		}
		pool.AddCert(cert)
		n++
	}
	return n, nil
}
