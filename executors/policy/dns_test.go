package policy_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// nameServer is a real DNS server on loopback.
type nameServer struct {
	conn net.PacketConn

	mu    sync.Mutex
	names map[string][]string // each next query of a name with several entries gets the next one
	asked map[string]int
}

// startNameServer serves names; an entry is addresses separated by spaces.
func startNameServer(t *testing.T, names map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, names: names, asked: map[string]int{}}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) answer(query []byte) []byte {
	var labels []string
	end := 12
	for end < len(query) && query[end] != 0 {
		size := int(query[end])
		labels = append(labels, string(query[end+1:end+1+size]))
		end += 1 + size
	}
	end += 5
	name, kind := strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(query[end-4:])

	var records [][]byte
	for _, ip := range s.lookup(name, kind == 1) {
		if ip.Is4() == (kind == 1) && (kind == 1 || kind == 28) {
			raw := ip.AsSlice()
			record := []byte{0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(raw))}
			records = append(records, append(record, raw...))
		}
	}
	answer := append([]byte{query[0], query[1], 0x84, 0, 0, 1, 0, byte(len(records)), 0, 0, 0, 0}, query[12:end]...)
	for _, record := range records {
		answer = append(answer, record...)
	}
	return answer
}

func (s *nameServer) lookup(name string, count bool) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.names[name]
	if len(entries) == 0 {
		return nil
	}
	entry := entries[min(s.asked[name], len(entries)-1)]
	if count {
		s.asked[name]++
	}
	var ips []netip.Addr
	for _, text := range strings.Fields(entry) {
		ips = append(ips, netip.MustParseAddr(text))
	}
	return ips
}
