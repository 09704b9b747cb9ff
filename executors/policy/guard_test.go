package policy_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

func open(t *testing.T, cfg policy.Config, opts ...policy.Option) *policy.Policy {
	t.Helper()
	p, err := policy.New(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

func allowing(entries ...string) policy.Config {
	return policy.Config{Network: policy.Network{Allow: entries}}
}

func denied(t *testing.T, err error) *policy.Denied {
	t.Helper()
	var d *policy.Denied
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return d
}

// loopback is a server that fails the test if it gets a connection.
func loopback(t *testing.T) (url, address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "reached")
	}))
	t.Cleanup(s.Close)
	return s.URL, s.Listener.Addr().String()
}

func TestAddressesRefusedAtDialTime(t *testing.T) {
	t.Parallel()
	names := startNameServer(t, map[string][]string{
		"private.test":  {"10.1.2.3"},
		"loop.test":     {"127.0.0.1"},
		"loop6.test":    {"::1"},
		"meta.test":     {"169.254.169.254"},
		"mixed.test":    {"127.0.0.1 192.168.1.1"},
		"mapped.test":   {"::ffff:127.0.0.1"},
		"nat64.test":    {"64:ff9b::7f00:1"},
		"sixtofour.a":   {"2002:7f00:1::"},
		"zero.test":     {"0.0.0.0"},
		"carrier.test":  {"100.64.1.1"},
		"azure.test":    {"168.63.129.16"},
		"a.b.localhost": {"127.0.0.1"},
	})
	p := open(t, policy.Config{}, policy.WithResolver(names))
	for _, host := range []string{
		"127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254",
		"100.64.0.1", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1",
		"::1", "::", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::127.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::",
		"2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0", "127.0.0.1.", "0x7f.0x0.0x0.0x1", "0177.0.0.08",
		"localhost", "LOCALHOST", "a.b.localhost",
		"private.test", "loop.test", "loop6.test", "meta.test", "mixed.test", "mapped.test", "nat64.test", "sixtofour.a", "zero.test", "carrier.test", "azure.test", "LOOP.test.",
	} {
		for _, port := range []string{"80", "443", "8081"} {
			conn, err := p.DialContext(context.Background(), "tcp", net.JoinHostPort(host, port))
			if err == nil {
				conn.Close()
			}
			d := denied(t, err)
			if d.Hint == "" || d.Message == "" {
				t.Errorf("%s: message %q, hint %q", host, d.Message, d.Hint)
			}
		}
	}
}

func TestOnlyTCPIsDialled(t *testing.T) {
	t.Parallel()
	p := open(t, allowing("127.0.0.1"))
	for _, to := range [][2]string{{"unix", "/var/run/docker.sock"}, {"udp", "127.0.0.1:53"}, {"tcp", "/var/run/docker.sock"}, {"tcp", "127.0.0.1"}, {"tcp", "a b:80"}, {"tcp", ":80"}} {
		_, err := p.DialContext(context.Background(), to[0], to[1])
		denied(t, err)
	}
}

func TestPublicAddressesAreNotRefused(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing leaves the machine
	for _, host := range []string{"8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		_, err := p.DialContext(ctx, "tcp", net.JoinHostPort(host, "9999"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the dial's own end", host, err)
		}
		if _, err := p.CheckURL("http://" + net.JoinHostPort(host, "9999")); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	_, address := loopback(t)
	_, port, _ := net.SplitHostPort(address)
	names := map[string][]string{
		"api.test":  {"127.0.0.1"},
		"evil.test": {"127.0.0.1"},
		"meta.test": {"169.254.169.254"},
	}
	for name, c := range map[string]struct {
		allow []string
		dial  string
		hint  string // of the refusal; empty where the dial must succeed
	}{
		"address and port":                {[]string{address}, address, ""},
		"address":                         {[]string{"127.0.0.1"}, address, ""},
		"network":                         {[]string{"127.0.0.0/8"}, address, ""},
		"mapped form of an allowed one":   {[]string{"127.0.0.1"}, "[::ffff:127.0.0.1]:" + port, ""},
		"name":                            {[]string{"api.test"}, "api.test:" + port, ""},
		"name and port":                   {[]string{"api.test:" + port}, "API.test.:" + port, ""},
		"second entry":                    {[]string{"10.0.0.0/8", address}, address, ""},
		"other port":                      {[]string{"127.0.0.1:1"}, address, `policy.network.allow: ["` + address + `"]`},
		"other port of a name":            {[]string{"api.test:1"}, "api.test:" + port, `["127.0.0.1:` + port},
		"other name, same address":        {[]string{"api.test"}, "evil.test:" + port, `["127.0.0.1:`},
		"the address of an allowed name":  {[]string{"api.test"}, address, `["127.0.0.1:`},
		"metadata behind an allowed name": {[]string{"meta.test"}, "meta.test:80", `["169.254.169.254:80"]`},
		"nat64 of an allowed network":     {[]string{"127.0.0.0/8"}, "[64:ff9b::7f00:1]:80", `["[64:ff9b::7f00:1]:80"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, allowing(c.allow...), policy.WithResolver(startNameServer(t, names)))
			conn, err := p.DialContext(context.Background(), "tcp", c.dial)
			if c.hint == "" {
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
				return
			}
			if d := denied(t, err); !strings.Contains(d.Hint, c.hint) {
				t.Errorf("hint %q does not name %q", d.Hint, c.hint)
			}
		})
	}
}

func TestRebindingGainsNothing(t *testing.T) {
	t.Parallel()
	_, address := loopback(t)
	_, port, _ := net.SplitHostPort(address)
	names := startNameServer(t, map[string][]string{"rebind.test": {"127.0.0.2", "127.0.0.1"}})
	p := open(t, allowing("127.0.0.2"), policy.WithResolver(names))
	// The first address is allowed (and refuses the connection), the second is not.
	_, err := p.DialContext(context.Background(), "tcp", "rebind.test:"+port)
	var d *policy.Denied
	if err == nil || errors.As(err, &d) {
		t.Fatalf("the first dial: got %v, want a refused connection", err)
	}
	_, err = p.DialContext(context.Background(), "tcp", "rebind.test:"+port)
	denied(t, err)
}

func TestRedirectsAreDialledThroughTheGuard(t *testing.T) {
	t.Parallel()
	inner, _ := loopback(t)
	for name, to := range map[string]string{
		"another port":   inner,
		"decimal":        "http://2130706433/",
		"a name":         "http://loop.test/",
		"metadata":       "http://169.254.169.254/latest/meta-data/",
		"another scheme": "file:///etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
			defer outer.Close()
			names := startNameServer(t, map[string][]string{"loop.test": {"127.0.0.1"}})
			p := open(t, allowing(outer.Listener.Addr().String()), policy.WithResolver(names))
			client := &http.Client{Transport: p.Transport(policy.TransportOptions{})}
			resp, err := client.Get(outer.URL)
			if err == nil {
				resp.Body.Close()
				t.Fatalf("reached %s", to)
			}
			if !strings.HasPrefix(to, "file:") {
				denied(t, err)
			}
		})
	}
}

func TestTransportIgnoresTheEnvironmentsProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the proxy was asked for %s", r.URL)
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	p := open(t, allowing("api.test"), policy.WithResolver(startNameServer(t, map[string][]string{"api.test": {"127.0.0.1"}})))
	_, address := loopback(t)
	_, port, _ := net.SplitHostPort(address)
	resp, err := (&http.Client{Transport: p.Transport(policy.TransportOptions{})}).Get("http://api.test:" + port)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestTransportVerifiesUnlessTold(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is what is tested
	s.StartTLS()
	defer s.Close()
	p := open(t, allowing("127.0.0.1"))
	if resp, err := (&http.Client{Transport: p.Transport(policy.TransportOptions{})}).Get(s.URL); err == nil {
		resp.Body.Close()
		t.Error("an unknown certificate was accepted")
	}
	resp, err := (&http.Client{Transport: p.Transport(policy.TransportOptions{InsecureSkipVerify: true})}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	p := open(t, allowing("127.0.0.1:8081"))
	for raw, ok := range map[string]bool{
		"https://api.example.com/x?y=z":   true,
		"http://user:pw@example.com":      true,
		"HTTP://EXAMPLE.COM":              true,
		"http://127.0.0.1:8081/":          true,
		"http://127.0.0.1:8082/":          false,
		"http://[::1]/":                   false,
		"http://[::ffff:127.0.0.1]:8081/": true,
		"http://2130706433/":              false,
		"http://0x7f.1/":                  false,
		"file:///etc/passwd":              false,
		"gopher://example.com":            false,
		"ftp://example.com":               false,
		"unix:///var/run/docker.sock":     false,
		"javascript:alert(1)":             false,
		"//example.com":                   false,
		"example.com":                     false,
		"":                                false,
		"http://":                         false,
		"http:///path":                    false,
		"http://example.com:0/":           false,
		"http://example.com:99999/":       false,
		"http://exa mple.com/":            false,
		"http://example.com\r\nX: y":      false,
		"http://a..b/":                    false,
	} {
		u, err := p.CheckURL(raw)
		if ok && err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		if !ok {
			denied(t, err)
			if u != nil {
				t.Errorf("%q: got a URL and an error", raw)
			}
		}
	}
	if _, err := p.CheckURL("wss://example.com", "ws", "wss"); err != nil {
		t.Error(err)
	}
	if _, err := p.CheckURL("http://example.com", "ws", "wss"); err == nil {
		t.Error("http was accepted where ws is meant")
	}
}
