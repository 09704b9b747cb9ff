package peers

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
)

func TestNginxServesPlainAndTLS(t *testing.T) {
	t.Parallel()
	n := StartNginx(t, NginxOptions{
		Files:  map[string]string{"data/a.json": `{"a": 1}`},
		Server: `location /gone { return 410; }`,
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: n.Certificate.Pool}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, c := range []struct {
		url    string
		status int
		body   string
	}{
		{"http://" + n.Addr + "/data/a.json", 200, `{"a": 1}`},
		{"https://" + n.TLSAddr + "/data/a.json", 200, `{"a": 1}`},
		{"http://" + n.Addr + "/gone", 410, ""},
	} {
		resp, err := client.Get(c.url)
		if err != nil {
			t.Fatalf("GET %s: %v", c.url, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || c.body != "" && string(body) != c.body {
			t.Errorf("GET %s = %d %q, %v; want %d %q", c.url, resp.StatusCode, body, err, c.status, c.body)
		}
	}
}
