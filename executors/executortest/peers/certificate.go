package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Certificate is a self-signed certificate for localhost, 127.0.0.1 and ::1.
type Certificate struct {
	PEM, KeyPEM []byte
	// TLS is the certificate for a server in the test.
	TLS tls.Certificate
	// Pool trusts the certificate.
	Pool *x509.CertPool
}

// NewCertificate returns a certificate that is valid for an hour.
func NewCertificate(tb testing.TB) *Certificate {
	tb.Helper()
	return NewCertificateFor(tb, time.Now().Add(time.Hour), "localhost")
}

// NewCertificateFor returns a certificate for other names. Its end may be in the
// past. It covers loopback addresses only if localhost is one of the names.
func NewCertificateFor(tb testing.TB, until time.Time, names ...string) *Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("making a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if names[0] == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatalf("making a certificate: %v", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatalf("writing a key: %v", err)
	}
	c := &Certificate{
		PEM:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		Pool:   x509.NewCertPool(),
	}
	if c.TLS, err = tls.X509KeyPair(c.PEM, c.KeyPEM); err != nil {
		tb.Fatalf("reading the certificate again: %v", err)
	}
	c.Pool.AppendCertsFromPEM(c.PEM)
	return c
}
