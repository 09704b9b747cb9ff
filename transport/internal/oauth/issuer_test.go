package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/internal/oauth/oauthtest"
)

// An issuer that is away, slow, endless or wrong makes tokens unverifiable, not
// invalid, and its text is not repeated without bound. Other issuers work.
func TestHostileIssuers(t *testing.T) {
	t.Parallel()
	well := oauthtest.New(t)
	for name, c := range map[string]struct {
		spoil func(i *oauthtest.Issuer)
		want  string
	}{
		"100 MB of keys": {func(i *oauthtest.Issuer) {
			i.Answer(func(w http.ResponseWriter, _ *http.Request) {
				for range 1600 {
					if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
						return
					}
				}
			})
		}, "longer than 256 KiB"},
		"no end": {func(i *oauthtest.Issuer) {
			i.Answer(func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		}, "deadline"},
		"many keys": {func(i *oauthtest.Issuer) {
			i.SetKeys(slices.Repeat([]oauthtest.Key{oauthtest.NewEC("x")}, 101)...)
		}, "at most 100"},
		"no keys":    {func(i *oauthtest.Issuer) { i.SetKeys() }, "no public key"},
		"secret key": {func(i *oauthtest.Issuer) { i.Answer(text(`{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}`)) }, "no public key"},
		"no JSON":    {func(i *oauthtest.Issuer) { i.Answer(text("<html>")) }, "not a JSON object"},
		"an error": {func(i *oauthtest.Issuer) {
			i.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("x", 1000), 500) })
		}, "500"},
		"a redirect": {func(i *oauthtest.Issuer) {
			i.Answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, well.URL+"/keys", http.StatusFound) })
		}, "redirects are not followed"},
		"another issuer in the metadata": {func(i *oauthtest.Issuer) { i.SetName(well.URL) }, "another issuer"},
		"no metadata":                    {func(i *oauthtest.Issuer) { i.Path = "/elsewhere" }, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := oauthtest.New(t)
			v := verifier(t, oauth.Settings{Issuers: []string{i.URL, well.URL}})
			token := i.Token(i.Good(resource, "ann", "", time.Now()))
			c.spoil(i)
			_, err := v.Verify(t.Context(), token)
			var away *oauth.UnavailableError
			if !errors.As(err, &away) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) || len(err.Error()) > 1000 {
				t.Errorf("%v", err)
			}
			if _, err := v.Verify(t.Context(), well.Token(well.Good(resource, "ann", "", time.Now()))); err != nil {
				t.Errorf("another issuer: %v", err)
			}
			health := v.Check(t.Context())
			if health[0].Err == nil || health[1].Err != nil || health[1].Keys != 2 {
				t.Errorf("%+v", health)
			}
		})
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// A caller that goes away does not wait for a slow issuer, and neither does Close.
func TestSlowIssuerHoldsNobody(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	asked := make(chan struct{})
	i.Answer(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	v := verifier(t, oauth.Settings{Issuers: []string{i.URL}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := v.Verify(ctx, i.Token(i.Good(resource, "ann", "", time.Now())))
		ended <- err
	}()
	<-asked
	cancel()
	if err := <-ended; err == nil {
		t.Error("a token was accepted without keys")
	}
	v.Close()
	if _, err := v.Verify(t.Context(), i.Token(i.Good(resource, "ann", "", time.Now()))); err == nil {
		t.Error("a token was accepted after the end")
	}
}

// The metadata of OAuth without OpenID Connect is found too (RFC 8414).
func TestOAuthMetadata(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	i.Path = "/.well-known/oauth-authorization-server"
	v := verifier(t, oauth.Settings{Issuers: []string{i.URL}})
	if _, err := v.Verify(t.Context(), i.Token(i.Good(resource, "ann", "", time.Now()))); err != nil {
		t.Error(err)
	}
}
