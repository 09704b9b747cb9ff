package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

// redirecting redirects /CODE?to=TARGET to TARGET with that status and echoes
// any other request.
func redirecting(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	var code int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); err != nil || to == "" {
		echo(w, r)
		return
	}
	w.Header().Set("Location", to)
	w.WriteHeader(code)
}

func TestMethodsOnRedirects(t *testing.T) {
	t.Parallel()
	server := serve(t, redirecting)
	d := newCaller(t, local)
	for _, c := range []struct {
		code         int
		method, want string
		keepsBody    bool
	}{
		{301, "GET", "GET", false}, {301, "POST", "GET", false}, {301, "PUT", "PUT", true}, {301, "HEAD", "HEAD", false},
		{302, "POST", "GET", false}, {302, "DELETE", "DELETE", true},
		{303, "POST", "GET", false}, {303, "PUT", "GET", false}, {303, "HEAD", "HEAD", false},
		{307, "POST", "POST", true}, {307, "GET", "GET", false}, {308, "PATCH", "PATCH", true},
	} {
		body := `, "json": {"a": 1}`
		if c.method == "GET" || c.method == "HEAD" {
			body = ""
		}
		out, failure := d.call(fmt.Sprintf(`{"url": "%s/%d?to=/end%%3Fq=1", "method": %q%s, "headers": {"X-Mine": "1"}}`, server.URL, c.code, c.method, body))
		if failure != nil {
			t.Errorf("%d %s: %v", c.code, c.method, failure)
			continue
		}
		if out.Method != c.want || out.URL != server.URL+"/end?q=1" || len(out.Redirects) != 1 {
			t.Errorf("%d %s ended as %s %s by reply of %v; want %s", c.code, c.method, out.Method, out.URL, out.Redirects, c.want)
		}
		if c.want == "HEAD" {
			continue
		}
		got := echoed(t, out, failure)
		if (got.Body != "") != c.keepsBody || (got.Headers.Get("Content-Type") != "") != c.keepsBody || got.Headers.Get("X-Mine") != "1" {
			t.Errorf("%d %s sent on %q with %v", c.code, c.method, got.Body, got.Headers)
		}
	}
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	t.Parallel()
	other := serve(t, echo)
	server := serve(t, redirecting)
	d := newCaller(t, local)
	const headers = `"headers": {"X-Secret": "s", "Cookie": "c=1", "Accept": "text/x", "Accept-Language": "fr"}`
	for _, auth := range []string{`{"type": "bearer", "token": "t"}`, `{"type": "apikey", "value": "k"}`, `{"type": "apikey", "key": "key", "value": "k", "location": "query"}`} {
		out, failure := d.call(fmt.Sprintf(`{"url": "%s/302?to=%s/end", %s, "auth": %s}`, server.URL, other.URL, headers, auth))
		got := echoed(t, out, failure)
		for name := range got.Headers {
			if !slices.Contains([]string{"Accept", "Accept-Encoding", "Accept-Language", "User-Agent"}, name) {
				t.Errorf("%s: the header %s went to another host", auth, name)
			}
		}
		if got.Headers.Get("Accept") != "text/x" || got.URI != "/end" {
			t.Errorf("the other host got %+v", got)
		}
		if strings.Contains(fmt.Sprint(out.URL, out.Redirects), "key=") {
			t.Errorf("the key is shown in %s or %v", out.URL, out.Redirects)
		}
		out, failure = d.call(fmt.Sprintf(`{"url": "%s/302?to=/end", %s, "auth": %s}`, server.URL, headers, auth))
		if got := echoed(t, out, failure); got.Headers.Get("X-Secret") != "s" || got.Headers.Get("Cookie") != "c=1" {
			t.Errorf("the same host got %+v", got)
		}
	}
}

func TestABodyDoesNotGoToAnotherHost(t *testing.T) {
	t.Parallel()
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") })
	server := serve(t, redirecting)
	out, failure := newCaller(t, local).call(fmt.Sprintf(`{"url": "%s/307?to=%s/end", "method": "POST", "json": {"secret": 1}}`, server.URL, other.URL))
	if failure == nil || failure.Type != executors.PermissionDenied || out == nil || out.StatusCode != 307 || out.Success {
		t.Errorf("failure = %+v, output %+v; want it refused, and the answer kept", failure, out)
	}
}

func TestEveryHopIsChecked(t *testing.T) {
	t.Parallel()
	hidden := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a closed address was reached by a redirect") })
	server := serve(t, redirecting)
	d := newCaller(t, policy.Config{Network: policy.Network{Allow: []string{strings.TrimPrefix(server.URL, "http://")}}})
	port := hidden.URL[strings.LastIndexByte(hidden.URL, ':'):]
	const closed, unreadable = executors.PermissionDenied, executors.ExecutionError
	for to, kind := range map[string]executors.ErrorType{
		hidden.URL:                                 closed,
		"//127.0.0.1" + port:                       closed,
		"http://localhost" + port:                  closed,
		"http://[::ffff:127.0.0.1]" + port:         closed,
		"http://2130706433" + port:                 closed,
		"http://169.254.169.254/latest":            closed,
		"http://10.0.0.1/":                         closed,
		server.URL + "/302?to=" + hidden.URL:       closed,
		"ftp://127.0.0.1/":                         unreadable,
		"file:///etc/passwd":                       unreadable,
		"javascript:1":                             unreadable,
		"http://[":                                 unreadable,
		"http://%zz":                               unreadable,
		"http://ada:pw@" + server.URL[7:] + "/end": unreadable,
	} {
		out, failure := d.call(fmt.Sprintf(`{"url": "%s/302", "params": {"to": %q}}`, server.URL, to))
		if failure == nil || failure.Type != kind || failure.Retryable || out != nil && out.Success {
			t.Errorf("redirect to %s: %+v, %+v; want %s", to, out, failure, kind)
		}
	}
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var left int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &left)
		if left > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", left-1), http.StatusFound)
			return
		}
		echo(w, r)
	})
	d := newCaller(t, local)
	if out := d.get(server.URL + "/5"); len(out.Redirects) != 5 || out.URL != server.URL+"/0" {
		t.Errorf("five redirects: %+v", out)
	}
	out, failure := d.call(fmt.Sprintf(`{"url": "%s/6"}`, server.URL))
	if failure == nil || !strings.Contains(failure.Message, "more than 5 redirects") || out == nil || out.StatusCode != 302 || out.Success {
		t.Errorf("six redirects: %+v, %+v", out, failure)
	}
	out, failure = d.call(fmt.Sprintf(`{"url": "%s/3", "follow_redirects": false}`, server.URL))
	if failure != nil || out.StatusCode != 302 || out.Headers["location"] != "/2" || !out.Success {
		t.Errorf("not following: %+v, %v", out, failure)
	}
}

func TestSameHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"http://a.example/x", "http://A.EXAMPLE:80/y", true},
		{"http://a.example", "https://a.example", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "https://a.example:443", true},
		{"https://a.example", "https://a.example:8443", false},
		{"http://a.example:8080", "https://a.example", false},
		{"https://a.example", "https://b.a.example", false},
		{"https://a.example", "https://example", false},
	} {
		if got := web.SameHost(mustURL(t, c.from), mustURL(t, c.to)); got != c.want {
			t.Errorf("web.SameHost(%s, %s) = %v", c.from, c.to, got)
		}
	}
}
