package scrape

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestHostilePages checks that pages made to use time or memory are read in the
// end, with memory in proportion to their size where the parser allows it.
func TestHostilePages(t *testing.T) { // not parallel: it measures memory
	for name, unit := range map[string]string{
		"deep":            "<div>",
		"deep lists":      "<ul><li>",
		"deep quotes":     "<blockquote>x",
		"formatting":      "<b><i><a href=x>",
		"tables":          "<table><tr><td>",
		"foster parents":  "<table>x",
		"flat":            "<p>x</p>",
		"empty":           "<span></span>",
		"rows":            "<table><tr><td>a<td>b</table>",
		"one table":       "<tr><td>a<td>b",
		"links":           `<a href="//a.example/` + strings.Repeat("x", 50) + `">y</a>`,
		"brackets":        "[*_`<",
		"comments":        "<!--",
		"entities":        "&amp;&#0;&nope;&#x10ffff;",
		"attributes":      "<p a=1 b=2 c=3 d=4",
		"headings":        "<h1>x</h1>",
		"code":            "<pre><code>```",
		"control":         "\x00\x01\x1b[31m",
		"templates":       "<template><svg><math>",
		"options":         "<select><option>x",
		"titles":          "<title>x</title><meta name=og:x content=y>",
		"paragraph no gt": "<p",
	} {
		for _, format := range []string{"text", "markdown"} {
			t.Run(name+" "+format, func(t *testing.T) {
				read := func(size int) {
					address := serve(t, "text/html", []byte("<!DOCTYPE html>"+strings.Repeat(unit, size/len(unit))))
					out := must(t, address, `, "format": "`+format+`", "max_chars": 20000`)
					if count := utf8.RuneCountInString(out.Content); count > 20000 || len(out.Links) > maxLinks || !utf8.ValidString(out.Content) || strings.ContainsAny(out.Content, "\x00\x1b") {
						t.Errorf("%d characters, %d links", count, len(out.Links))
					}
				}
				executortest.Ends(t, "reading a page of "+name, func() {
					if name == "one table" {
						// The parser drops the tags and joins the texts one by one, which is
						// quadratic: the limit on the time of parsing ends it.
						read(2 << 20)
						return
					}
					executortest.Linear(t, name, 128<<10/executortest.Slower, read)
				})
			})
		}
	}
}

// TestHostileSelectors checks that the call's timeout limits a selector.
func TestHostileSelectors(t *testing.T) {
	t.Parallel()
	address := serve(t, "text/html", []byte(strings.Repeat("<div>", 400)+strings.Repeat("<p>x</p>", 200_000)))
	registry := executortest.Registry(t, executortest.Policy(t, local), New())
	for _, selector := range []string{
		strings.TrimSpace(strings.Repeat("div ", 100)), strings.TrimSpace(strings.Repeat("* ~ ", 100)) + " p", "p:nth-last-child(2n)", "div:has(q)", "div:contains('y')",
		"p:nth-last-of-type(3n)",
	} {
		resolved, refused := registry.ResolveInputs("scrape_executor", []byte(fmt.Sprintf(`{"url": %q, "selector": %q}`, address, selector)))
		if refused != nil {
			t.Fatal(refused)
		}
		var outcome executors.Outcome
		executortest.Ends(t, "a selector whose time is over", func() {
			outcome = registry.Invoke(t.Context(), "scrape_executor", &executors.Call{Inputs: resolved, Attempt: 1}, 300*time.Millisecond)
		})
		if outcome.Err != nil && outcome.Err.Type != executors.TimeoutError && outcome.Err.Type != executors.NotFound {
			t.Errorf("%.40s: %+v", selector, outcome.Err)
		}
	}
}

// TestCostlySelectors checks that selectors with regular expressions are refused:
// one match may take minutes, and can't be interrupted.
func TestCostlySelectors(t *testing.T) {
	t.Parallel()
	for selector, refused := range map[string]bool{
		`a[href#=([ab]{1000}){60}]`: true, `a[ href #=x]`: true, `p, a[b="c"][d#=(e)]`: true, `p:matches([ab]{1000})`: true, `p:MATCHESOWN(x)`: true,
		`p:m\61tches(x)`: true, `p:not([a#=b])`: true, `p:not(:matches(b))`: true,
		`a[href="#="]`: false, `a[href='x#=y']`: false, `#main > p`: false, `p:not(.matches)`: false, `p:contains("matches(")`: false, `a[b=c]:nth-child(2n + 1)`: false,
	} {
		if _, err := parseSelector(selector); (err != nil) != refused {
			t.Errorf("%s: %v", selector, err)
		}
	}
}

func TestDeepPagesGiveTheirBareText(t *testing.T) {
	t.Parallel()
	out := must(t, serve(t, "text/html", []byte("<p>first<script>never</script>"+strings.Repeat("<div>", 600)+"last")), "")
	if out.Content != "first\nlast" && out.Content != "first\n\nlast" || out.Warning == "" {
		t.Errorf("%+v", out)
	}
}

func TestSizeIsBounded(t *testing.T) {
	t.Parallel()
	endless := handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for _, err := io.WriteString(w, "<p>more"); err == nil; _, err = io.WriteString(w, "<p>more") {
		}
	})
	bomb := handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		chunk := make([]byte, 1<<20)
		for range 1000 {
			if _, err := packed.Write(chunk); err != nil {
				return
			}
		}
		_ = packed.Close()
	})
	for _, address := range []string{endless, bomb} {
		if out := must(t, address, `, "max_chars": 100000`); !out.Truncated || len(out.Content) > maxPage {
			t.Errorf("%d bytes, truncated %v", len(out.Content), out.Truncated)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "2130706433", "0x7f.1"} {
		_, failure := read(t, policy.Config{}, "http://"+host+":8080/", "")
		if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != "url" || failure.Hint == "" || failure.Retryable {
			t.Errorf("%s: failure = %+v; want permission_denied for url, with a hint", host, failure)
		}
	}
	for _, address := range []string{"file:///etc/passwd", "ftp://a.example/", "//a.example", "http://", "http://a:b@a.example/", "gopher://a"} {
		if _, failure := read(t, policy.Config{}, address, ""); failure == nil || failure.Type != executors.ValidationError || failure.Field != "url" {
			t.Errorf("%q: %+v", address, failure)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	address := handle(t, func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if left, err := strconv.Atoi(to); err == nil && left > 0 {
			to = fmt.Sprintf("/?to=%d", left-1)
		}
		if to == "" || to == "0" {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "arrived, from "+r.Referer())
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	if out := must(t, address+"/?to=5", ""); out.Content != "arrived, from" && out.Content != "arrived, from " || out.URL != address+"/?to=0" {
		t.Errorf("%+v", out)
	}
	for to, kind := range map[string]executors.ErrorType{
		"6": executors.ExecutionError, "http://169.254.169.254/latest": executors.PermissionDenied, "http://[::1]:1/": executors.PermissionDenied,
		"file:///etc/passwd": executors.ExecutionError, "http://a:b@127.0.0.1/": executors.ExecutionError,
	} {
		_, failure := read(t, local, address+"/?to="+to, "")
		if failure == nil || failure.Type != kind || failure.Retryable {
			t.Errorf("%s: %+v; want %s", to, failure, kind)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	address := handle(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	})
	for status, kind := range map[int]executors.ErrorType{
		401: executors.AuthenticationError, 403: executors.PermissionDenied, 404: executors.NotFound, 410: executors.ExecutionError,
		429: executors.ExecutionError, 500: executors.ExecutionError, 503: executors.ExecutionError,
	} {
		_, failure := read(t, local, fmt.Sprintf("%s/%d", address, status), "")
		again := status == 429 || status == 503
		if failure == nil || failure.Type != kind || failure.Code != strconv.Itoa(status) || failure.Retryable != again || again != (failure.RetryAfter == 7*time.Second) {
			t.Errorf("%d: %+v", status, failure)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	page := "<title>Long</title><p>" + strings.Repeat("x ", 2500) + "the end"
	toxic.Faults(t, toxic.Peer{
		Address: strings.TrimPrefix(serve(t, "text/html", []byte(page)), "http://"), Executor: "scrape_executor", Answer: "the end", Secret: "key=secret", Keeps: true,
		Open: func(tb testing.TB, _ string) *executors.Registry {
			return executortest.Registry(tb, executortest.Policy(tb, local), New())
		},
		Inputs: func(address string) string {
			return fmt.Sprintf(`{"url": "http://%s/?key=secret", "max_chars": 10000}`, address)
		},
	})
}

func TestCancelReachesTheSocket(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	address := handle(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	registry := executortest.Registry(t, executortest.Policy(t, local), New())
	executortest.Cancelled(t, registry, "scrape_executor", fmt.Sprintf(`{"url": %q}`, address), arrived)
	<-left
}

func FuzzPages(f *testing.F) {
	f.Add("<title>x</title><table><tr><td>a<td><ul><li>b", "td, li:first-child")
	f.Add("<pre>\n  x</pre><a href='//x'>y", "a[href]")
	f.Fuzz(func(t *testing.T, source, chosen string) {
		_ = bareText(source)
		wanted, err := parseSelector(chosen)
		if err != nil {
			return
		}
		at, err := url.Parse("http://a.example/")
		if err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(strings.NewReader(source))
		if err != nil {
			return
		}
		out := &output{}
		in := input{URL: at.String(), MaxChars: 100, ExtractMetadata: true, Format: "markdown"}
		if err := out.read(t.Context(), root, &page{url: at, html: true}, wanted, in); err == nil && utf8.RuneCountInString(out.Content) > 100 {
			t.Errorf("%d characters", utf8.RuneCountInString(out.Content))
		}
	})
}
