package rest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestAgainstNginx(t *testing.T) {
	t.Parallel()
	rows := make([]map[string]any, 5000)
	for i := range rows {
		rows[i] = map[string]any{"id": i, "name": strings.Repeat("n", i%40)}
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	n := peers.StartNginx(t, peers.NginxOptions{
		Files: map[string]string{
			"rows.json": string(raw), "page.html": "<h1>hi</h1>", "dir/index.html": "in a folder",
			"picture.png": "\x89PNG\r\n\x1a\n\x00", "huge.txt": strings.Repeat("0123456789abcde\n", 100<<20/16),
		},
		Server: `
			gzip on; gzip_types application/json; gzip_min_length 1;
			location = /moved { return 301 /rows.json; }
			location = /to-tls { return 307 https://TLSADDR/rows.json; }
			location = /to-metadata { return 302 http://169.254.169.254/latest/meta-data/; }
			location = /to-loopback { return 302 http://127.0.0.2:9/; }
			location = /busy { default_type text/plain; add_header Retry-After 4 always; return 503 "try later"; }
			location = /private { auth_basic "x"; auth_basic_user_file users; }
			location = /none { return 204; }
			location /upload { client_max_body_size 1k; proxy_pass http://127.0.0.1:9/; }`,
	})
	d := newCaller(t, policy.Config{Network: policy.Network{Allow: []string{n.Addr, n.TLSAddr}}})
	base := "http://" + n.Addr
	for _, c := range []struct {
		name, inputs string
		status       int
		kind         executors.ErrorType
		check        func(*testing.T, *output, *executors.Error)
	}{
		{name: "JSON, compressed on the reply", inputs: `"url": "BASE/rows.json"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if string(out.JSON) != string(raw) || out.Headers["content-encoding"] != "gzip" || out.Size != int64(len(raw)) {
				t.Errorf("%d of %d bytes, headers %v", len(out.JSON), len(raw), out.Headers)
			}
		}},
		{name: "HTML", inputs: `"url": "BASE/page.html"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if *out.Text != "<h1>hi</h1>" {
				t.Errorf("text = %q", *out.Text)
			}
		}},
		{name: "a picture", inputs: `"url": "BASE/picture.png"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if string(out.File.ContentBase64) != "\x89PNG\r\n\x1a\n\x00" || out.File.ContentType != "image/png" {
				t.Errorf("file = %+v", out.File)
			}
		}},
		{name: "HEAD", inputs: `"url": "BASE/huge.txt", "method": "HEAD"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if out.Headers["content-length"] != "104857600" || out.Size != 0 {
				t.Errorf("headers = %v", out.Headers)
			}
		}},
		{name: "100 MB", inputs: `"url": "BASE/huge.txt"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if !out.Truncated || out.Size != 10_000_000 {
				t.Errorf("size %d, truncated %v", out.Size, out.Truncated)
			}
		}},
		{name: "a range", inputs: `"url": "BASE/page.html", "headers": {"Range": "bytes=1-2"}`, status: 206, check: func(t *testing.T, out *output, _ *executors.Error) {
			if *out.Text != "h1" {
				t.Errorf("text = %q", *out.Text)
			}
		}},
		{name: "no content", inputs: `"url": "BASE/none"`, status: 204},
		{name: "moved", inputs: `"url": "BASE/moved"`, status: 200, check: func(t *testing.T, out *output, _ *executors.Error) {
			if out.URL != base+"/rows.json" || len(out.Redirects) != 1 {
				t.Errorf("url %s by reply of %v", out.URL, out.Redirects)
			}
		}},
		{name: "a folder", inputs: `"url": "BASE/dir"`, status: 200},
		{name: "missing", inputs: `"url": "BASE/nothing"`, status: 404, kind: executors.NotFound},
		{name: "missing is fine", inputs: `"url": "BASE/nothing", "expect_status": [404]`, status: 404},
		{name: "not allowed", inputs: `"url": "BASE/rows.json", "method": "DELETE"`, status: 405, kind: executors.ExecutionError},
		{name: "credentials asked for", inputs: `"url": "BASE/private"`, status: 401, kind: executors.AuthenticationError},
		{name: "busy", inputs: `"url": "BASE/busy"`, status: 503, kind: executors.ExecutionError, check: func(t *testing.T, out *output, failure *executors.Error) {
			if !failure.Retryable || failure.RetryAfter.Seconds() != 4 || !strings.Contains(failure.Message, "try later") {
				t.Errorf("failure = %+v", failure)
			}
		}},
		{name: "too large", inputs: `"url": "BASE/upload", "method": "POST", "body": "` + strings.Repeat("x", 2000) + `"`, status: 413, kind: executors.ExecutionError},
		{name: "a peer that is not there", inputs: `"url": "BASE/upload", "method": "POST", "body": "x"`, status: 502, kind: executors.ExecutionError},
		{name: "TLS", inputs: `"url": "TLS/page.html"`, kind: executors.NetworkError},
		{name: "TLS, not verified", inputs: `"url": "TLS/page.html", "verify": false`, status: 200},
		{name: "plain to TLS", inputs: `"url": "BASE/to-tls"`, kind: executors.NetworkError},
		{name: "plain to TLS, not verified", inputs: `"url": "BASE/to-tls", "verify": false`, status: 200},
		{name: "plain HTTP at the port of TLS", inputs: `"url": "http://TLSADDR/"`, status: 400, kind: executors.ExecutionError},
		{name: "TLS at the plain port", inputs: `"url": "https://ADDR/"`, kind: executors.NetworkError},
		{name: "on to a metadata service", inputs: `"url": "BASE/to-metadata"`, status: 302, kind: executors.PermissionDenied},
		{name: "on to another loopback address", inputs: `"url": "BASE/to-loopback"`, status: 302, kind: executors.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inputs := strings.NewReplacer("BASE", base, "TLSADDR", n.TLSAddr, "TLS/", "https://"+n.TLSAddr+"/", "ADDR", n.Addr).Replace(c.inputs)
			out, failure := d.call(fmt.Sprintf("{%s}", inputs))
			if (failure == nil) != (c.kind == "") || failure != nil && failure.Type != c.kind {
				t.Fatalf("failure = %+v; want %q", failure, c.kind)
			}
			if (out == nil) != (c.status == 0) || out != nil && out.StatusCode != c.status {
				t.Fatalf("output = %+v; want the status %d", out, c.status)
			}
			if c.check != nil {
				c.check(t, out, failure)
			}
		})
	}
}
