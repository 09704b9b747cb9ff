package toxic

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that returns what it receives.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		ends.Wait()
	})
	ends.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ends.Go(func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			})
		}
	})
	return listener.Addr().String()
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	n := New(t, echo(t))
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", n.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	// say sends ten bytes. It returns how many come back, and the error.
	say := func(conn net.Conn) (int, error) {
		t.Helper()
		if _, err := io.WriteString(conn, "0123456789"); err != nil {
			return 0, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		return io.ReadFull(conn, make([]byte, 10))
	}
	expect := func(what string, conn net.Conn, want int, why error) {
		t.Helper()
		if got, err := say(conn); got != want || !errors.Is(err, why) {
			t.Errorf("%s: %d bytes, %v; want %d, %v", what, got, err, want, why)
		}
	}
	first := dial()
	expect("good", first, 10, nil)
	if n.Sent() != 10 || n.Connections() != 1 || len(connections(n.Address)) != 1 {
		t.Errorf("%d bytes, %d connections, held %v", n.Sent(), n.Connections(), connections(n.Address))
	}
	n.Silence(4)
	expect("silent", first, 4, os.ErrDeadlineExceeded)
	n.Heal(t)
	expect("healed, but silent before", first, 0, os.ErrDeadlineExceeded)
	second := dial()
	expect("new", second, 10, nil)
	n.Cut(13)
	expect("before the cut", second, 10, nil)
	expect("cut", second, 3, io.ErrUnexpectedEOF)
	n.Heal(t)
	third := dial()
	expect("new again", third, 10, nil)
	n.End()
	if _, err := io.ReadAll(third); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("ended: %v", err)
	}
	n.Down()
	if conn, err := net.Dial("tcp", n.Address); err == nil {
		_ = conn.Close()
		t.Error("a connection was accepted while the network is down")
	}
	n.Heal(t)
	expect("up", dial(), 10, nil)
}
