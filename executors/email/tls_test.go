package email

import (
	"crypto/tls"
	"net"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

func tlsConfig(c *peers.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.TLS}, MinVersion: tls.VersionTLS12}
}

func tlsListener(l net.Listener, cfg *tls.Config) net.Listener { return tls.NewListener(l, cfg) }
