package certs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"

	"redis-failover/cluster/state"
)

var (
	errPass   = errors.New("the password does not open it")
	errNoPass = errors.New("it is encrypted, and there is no password for it (tls-key-file-pass)")
)

// decryptKey returns a PEM text whose key is not encrypted. What is not is
// returned as it is, whatever the password.
func decryptKey(text []byte, pass state.Secret) ([]byte, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		//lint:ignore SA1019 OpenSSL wrote keys in this form for decades; who has one cannot use it otherwise.
		old := x509.IsEncryptedPEMBlock(block)
		if !old && block.Type != "ENCRYPTED PRIVATE KEY" {
			continue
		}
		if pass == "" {
			return nil, errNoPass
		}
		if old {
			//lint:ignore SA1019 As above.
			key, err := x509.DecryptPEMBlock(block, []byte(pass))
			if err != nil {
				return nil, errPass
			}
			return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: key}), nil
		}
		key, err := decryptPKCS8(block.Bytes, pass)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), nil
	}
	return text, nil
}

// What follows is PBES2 of RFC 8018 with PBKDF2, the way in which OpenSSL has
// encrypted keys since 2010; the standard library reads these only unencrypted.

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	// hashes are the functions of PBKDF2; SHA-1 is the default of the form.
	hashes = map[string]func() hash.Hash{
		"": sha1.New, "1.2.840.113549.2.7": sha1.New,
		"1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
	}
	// blockCiphers are used in CBC.
	blockCiphers = map[string]blockCipher{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
)

type blockCipher struct {
	keySize int
	make    func(key []byte) (cipher.Block, error)
}

// maxIterations bounds the work that a file can ask for; OpenSSL takes 2048.
const maxIterations = 10_000_000

type encryptedKey struct {
	Algorithm struct {
		ID     asn1.ObjectIdentifier
		Params struct {
			Derivation struct {
				ID     asn1.ObjectIdentifier
				Params struct {
					Salt       []byte
					Iterations int
					KeySize    int                      `asn1:"optional"`
					Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
				}
			}
			Cipher struct {
				ID asn1.ObjectIdentifier
				IV []byte
			}
		}
	}
	Data []byte
}

// decryptPKCS8 returns the PKCS #8 form of an encrypted key.
func decryptPKCS8(der []byte, pass state.Secret) ([]byte, error) {
	var k encryptedKey
	if _, err := asn1.Unmarshal(der, &k); err != nil || !k.Algorithm.ID.Equal(oidPBES2) || !k.Algorithm.Params.Derivation.ID.Equal(oidPBKDF2) {
		return nil, errors.New("it is not encrypted with PBES2 and PBKDF2; openssl pkcs8 -topk8 -v2 aes256 makes such a file of it")
	}
	derivation := k.Algorithm.Params.Derivation.Params
	newHash, ok := hashes[derivation.Hash.Algorithm.String()]
	how, ok2 := blockCiphers[k.Algorithm.Params.Cipher.ID.String()]
	if !ok || !ok2 || derivation.Iterations < 1 || derivation.Iterations > maxIterations {
		return nil, fmt.Errorf("it is encrypted with %v after %d rounds of %v, which is not known here; openssl pkcs8 -topk8 -v2 aes256 makes a file that is",
			k.Algorithm.Params.Cipher.ID, derivation.Iterations, derivation.Hash.Algorithm)
	}
	key, err := pbkdf2.Key(newHash, string(pass), derivation.Salt, derivation.Iterations, how.keySize)
	if err != nil {
		return nil, err
	}
	block, err := how.make(key)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, k.Algorithm.Params.Cipher.IV, k.Data)
}

// decryptCBC decrypts and takes the padding off, which shows whether the key was
// the right one.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("it is damaged: its length does not fit its cipher")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n < 1 || n > size || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPass
	}
	return plain[:len(plain)-n], nil
}
