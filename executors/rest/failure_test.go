package rest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestStatusesAreFailuresWithTheirOutput(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		if after := r.URL.Query().Get("after"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status >= 400 {
			_, _ = io.WriteString(w, `{"message": "said the server"}`)
		}
	})
	d := newCaller(t, local)
	inAMinute := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		path, expect string
		kind         executors.ErrorType // "" for success
		retry        bool
		after        time.Duration
	}{
		{path: "/200"}, {path: "/201"}, {path: "/204"}, {path: "/304"},
		{path: "/400", kind: executors.ExecutionError},
		{path: "/401", kind: executors.AuthenticationError},
		{path: "/403", kind: executors.PermissionDenied},
		{path: "/404", kind: executors.NotFound},
		{path: "/408", kind: executors.TimeoutError, retry: true},
		{path: "/418", kind: executors.ExecutionError},
		{path: "/429", kind: executors.ExecutionError, retry: true},
		{path: "/429?after=7", kind: executors.ExecutionError, retry: true, after: 7 * time.Second},
		{path: "/429?after=" + strings.ReplaceAll(inAMinute, " ", "%20"), kind: executors.ExecutionError, retry: true, after: time.Minute},
		{path: "/429?after=99999999999", kind: executors.ExecutionError, retry: true, after: time.Hour},
		{path: "/500", kind: executors.ExecutionError},
		{path: "/502", kind: executors.ExecutionError, retry: true},
		{path: "/503?after=soon", kind: executors.ExecutionError, retry: true},
		{path: "/504", kind: executors.TimeoutError, retry: true},
		{path: "/404", expect: `["2xx", 404]`},
		{path: "/503", expect: `["500-599"]`},
		{path: "/200", expect: `["2xx", 404]`},
		{path: "/200", expect: `["404"]`, kind: executors.ExecutionError},
		{path: "/401", expect: `["2xx"]`, kind: executors.AuthenticationError},
	} {
		inputs := fmt.Sprintf(`{"url": %q`, server.URL+c.path)
		if c.expect != "" {
			inputs += `, "expect_status": ` + c.expect
		}
		out, failure := d.call(inputs + "}")
		if out == nil || out.Success != (c.kind == "") || "/"+strconv.Itoa(out.StatusCode) != c.path[:4] {
			t.Errorf("%s %s: output = %+v", c.path, c.expect, out)
			continue
		}
		if out.StatusCode >= 400 && string(out.JSON) != `{"message":"said the server"}` {
			t.Errorf("%s: json = %s; want the whole answer", c.path, out.JSON)
		}
		if (failure == nil) != (c.kind == "") {
			t.Errorf("%s %s: failure = %+v; want %q", c.path, c.expect, failure, c.kind)
			continue
		}
		if failure == nil {
			continue
		}
		if failure.Type != c.kind || failure.Code != c.path[1:4] || failure.Retryable != c.retry || (failure.RetryAfter-c.after).Abs() > 30*time.Second || (c.after > 0) != (failure.RetryAfter > 0) {
			t.Errorf("%s: failure = %+v; want %+v", c.path, failure, c)
		}
		if out.StatusCode >= 400 && !strings.Contains(failure.Message, "said the server") || strings.Contains(failure.Message, "after=") {
			t.Errorf("%s: message = %q; want what the server said, and no query", c.path, failure.Message)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	d := newCaller(t, policy.Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "2130706433", "0x7f.1"} {
		_, failure := d.call(fmt.Sprintf(`{"url": "http://%s%s/"}`, host, port))
		if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != "url" || failure.Hint == "" || failure.Retryable {
			t.Errorf("%s: failure = %+v; want permission_denied for url, with a hint", host, failure)
		}
	}
}

func TestNetworkFailures(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := closed.Addr().String()
	_ = closed.Close()
	silent := peers.Listen(t, func(conn net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) })
	garbage := peers.Listen(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n")
	})
	plain := serve(t, echo)
	for _, c := range []struct{ name, url, message string }{
		{"refused", "http://" + refused, "no connection"},
		{"closed without an answer", "http://" + silent, "closed before the response was complete"},
		{"not HTTP", "http://" + garbage, "malformed HTTP"},
		{"no such name", "http://no-such-name.invalid/", "can't be resolved"},
		{"no TLS there", strings.Replace(plain.URL, "http://", "https://", 1), "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, failure := newCaller(t, local).call(fmt.Sprintf(`{"url": %q}`, c.url))
			if out != nil || failure == nil || failure.Type != executors.NetworkError || !strings.Contains(failure.Message, c.message) {
				t.Fatalf("failure = %+v; want a network_error with %q", failure, c.message)
			}
			if failure.Retryable != (c.name != "no TLS there") {
				t.Errorf("retryable = %v", failure.Retryable)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, message string
		certificate   *peers.Certificate
	}{
		{"self-signed", "not from a trusted authority", peers.NewCertificate(t)},
		{"expired", "certificate", peers.NewCertificateFor(t, time.Now().Add(-time.Hour), "localhost")},
		{"for another host", "certificate", peers.NewCertificateFor(t, time.Now().Add(time.Hour), "other.example")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{c.certificate.TLS}}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			d := newCaller(t, local)
			out, failure := d.call(fmt.Sprintf(`{"url": %q}`, server.URL))
			if out != nil || failure == nil || failure.Type != executors.NetworkError || failure.Retryable ||
				!strings.Contains(failure.Message, c.message) || !strings.Contains(failure.Hint, "verify: false") {
				t.Errorf("failure = %+v; want the certificate refused", failure)
			}
			out, failure = d.call(fmt.Sprintf(`{"url": %q, "verify": false}`, server.URL))
			if got := echoed(t, out, failure); got.Method != "GET" {
				t.Errorf("without verifying: %+v", got)
			}
		})
	}
}

func TestCancelReachesTheSocket(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	d := newCaller(t, local)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	resolved, refused := d.registry.ResolveInputs("rest_executor", []byte(fmt.Sprintf(`{"url": %q}`, server.URL)))
	if refused != nil {
		t.Fatal(refused)
	}
	outcome := d.registry.Invoke(ctx, "rest_executor", &executors.Call{Inputs: resolved, Attempt: 1}, time.Minute)
	if outcome.Err == nil || outcome.Err.Type != executors.Cancelled {
		t.Errorf("failure = %+v; want it cancelled", outcome.Err)
	}
	<-left
}
