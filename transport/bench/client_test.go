package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The client does not use an MCP library, so that every server is measured with
// the same few lines.

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

func callLine(id int, tool, arguments string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, tool, arguments)
}

// reply has the fields of a reply that the client reads.
type reply struct {
	ID     *int            `json:"id"`
	Error  json.RawMessage `json:"error"`
	Result *struct {
		IsError bool `json:"isError"`
	} `json:"result"`
}

func checkReply(body []byte) error {
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("reading a reply: %w", err)
	}
	if r.Error != nil || r.Result == nil || r.Result.IsError {
		return fmt.Errorf("the call failed: %.300s", body)
	}
	return nil
}

// stdioServer is a server running as a child over stdio.
type stdioServer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	next int
}

func startStdio(tb testing.TB, cmd *exec.Cmd) *stdioServer {
	tb.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s := &stdioServer{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<20), next: 1}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	s.send([]byte(initialize))
	if _, err := s.receive(); err != nil {
		tb.Fatalf("initialize: %v", err)
	}
	s.send([]byte(initialized))
	return s
}

func (s *stdioServer) send(line []byte) { _, _ = s.in.Write(append(line, '\n')) }

// receive returns the next reply, skipping notifications.
func (s *stdioServer) receive() ([]byte, error) {
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("the server ended: %w", err)
		}
		var r reply
		if json.Unmarshal(line, &r) == nil && r.ID != nil {
			return line, nil
		}
	}
}

// calls makes n calls with a number of them in flight, and returns the total
// time.
func (s *stdioServer) calls(n, inFlight int, tool, arguments string) (time.Duration, error) {
	slots := make(chan struct{}, inFlight)
	first := s.next
	s.next += n
	start := time.Now()
	go func() {
		for i := range n {
			slots <- struct{}{}
			s.send(callLine(first+i, tool, arguments))
		}
	}()
	var failed error
	for range n {
		line, err := s.receive()
		if err != nil {
			return 0, err
		}
		failed = errors.Join(failed, checkReply(line))
		<-slots
	}
	return time.Since(start), failed
}

// httpServer is a server that listens on loopback.
type httpServer struct {
	url     string
	session string
	client  *http.Client
}

func startHTTP(tb testing.TB, cmd *exec.Cmd, url string) *httpServer {
	tb.Helper()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	s := &httpServer{url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 65}}}
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, header, err := s.post([]byte(initialize))
		if err == nil {
			s.session = header.Get("Mcp-Session-Id")
			break
		}
		if time.Now().After(deadline) {
			tb.Fatalf("initialize: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // the child binds its port when it is ready, and sends no signal
	}
	_, _, _ = s.post([]byte(initialized))
	return s
}

func (s *httpServer) post(body []byte) ([]byte, http.Header, error) {
	req, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if s.session != "" {
		req.Header.Set("Mcp-Session-Id", s.session)
		req.Header.Set("MCP-Protocol-Version", "2025-11-25")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		for line := range strings.Lines(string(text)) {
			if data, ok := strings.CutPrefix(line, "data:"); ok && strings.Contains(data, `"id"`) {
				text = []byte(strings.TrimSpace(data))
			}
		}
	}
	return text, res.Header, nil
}

func (s *httpServer) calls(n, inFlight int, tool, arguments string) (time.Duration, error) {
	var next atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, inFlight)
	start := time.Now()
	for range inFlight {
		group.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				body, _, err := s.post(callLine(i, tool, arguments))
				if err == nil {
					err = checkReply(body)
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	return time.Since(start), <-failures
}
