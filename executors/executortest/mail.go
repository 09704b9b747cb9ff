package executortest

import (
	"errors"
	"net"
	"testing"

	"github.com/emersion/go-smtp"
)

// ServeMail serves on a listener until the test ends, and returns its port. A
// server that is closed before it begins to serve would leave its listener open.
func ServeMail(tb testing.TB, server *smtp.Server, listener net.Listener) (port int) {
	tb.Helper()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	tb.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close()
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			tb.Errorf("the mail server: %v", err)
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// ListenMail serves on a free port of this machine; see ServeMail.
func ListenMail(tb testing.TB, server *smtp.Server) (port int) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ServeMail(tb, server, listener)
}
