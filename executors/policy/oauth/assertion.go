package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionFor is how long an assertion can be used.
const assertionFor = time.Minute

// assertion returns the signed text with which the client proves itself (RFC 7523).
func (c *Client) assertion(at endpoint) (string, error) {
	text, err := c.opts.Key()
	if err != nil {
		return "", err
	}
	key, algorithm, err := readKey(text)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("signing with the client's key: %w", err)
	}
	audience := at.issuer
	if audience == "" {
		audience = at.tokenURL
	}
	now := time.Now()
	signed, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: c.opts.ClientID, Subject: c.opts.ClientID, Audience: jwt.Audience{audience}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionFor)),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing with the client's key: %w", err)
	}
	c.opts.Know(signed)
	return signed, nil
}

// readKey reads a private key in PEM: PKCS #8, or the older forms for RSA and EC.
func readKey(text string) (crypto.Signer, jose.SignatureAlgorithm, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", errors.New("the client's key is not PEM (BEGIN PRIVATE KEY)")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, "", errors.New("the client's key can't be read: it must be an unencrypted private key in PKCS #8")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, jose.RS256, nil
	case ed25519.PrivateKey:
		return key, jose.EdDSA, nil
	case *ecdsa.PrivateKey:
		algorithms := map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}
		if algorithm, ok := algorithms[key.Curve.Params().BitSize]; ok {
			return key, algorithm, nil
		}
	}
	return nil, "", errors.New("the client's key must be RSA, EC (P-256, P-384, P-521) or Ed25519")
}
