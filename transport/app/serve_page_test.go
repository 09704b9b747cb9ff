package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/transport/app"
)

// The link of a server that serves only the page logs in the user of this
// machine, also where tokens are set, and tokens log nobody in.
func TestPageOnly(t *testing.T) {
	t.Parallel()
	links := make(chan string, 1)
	server := open(t, append(slices.Clone(unrecorded), app.WithHTTP(app.HTTP{Token: "own", Tokens: []app.Token{{Name: "ci", Value: "ci's"}}}),
		app.WithPageOnly(), app.WithLoginLink(func(url string) { links <- url }))...)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, "127.0.0.1:0") }()
	at, code, _ := strings.Cut(<-links, "/#login=")
	send := func(method, path, body, cookie string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Origin": {at}, "X-Chainwright-Page": {"1"}, "Content-Type": {"application/json"}, "Cookie": {cookie}}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(text)
	}
	for _, token := range []string{"own", "ci's", ""} {
		if res, text := send(http.MethodPost, "/api/login", `{"token":"`+token+`"}`, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %s %s", token, res.Status, text)
		}
	}
	res, text := send(http.MethodPost, "/api/login", `{"code":"`+code+`"}`, "")
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	var who struct{ Way, Principal string }
	if _, said := send(http.MethodGet, "/api/session", "", cookie); json.Unmarshal([]byte(said), &who) != nil || who.Way != "link" || who.Principal != "" {
		t.Errorf("%s %s: %s", res.Status, text, said)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
