package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

// PageHeader is a header that only the page's own scripts send. Each write needs
// it.
const PageHeader = "X-Chainwright-Page"

// contentPolicy lets the page load nothing but its own files, and lets nobody
// frame it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// maxBody is the longest body of a write in bytes.
const maxBody = 4 << 20

// guarded sets the headers of every answer, and refuses host names that are not
// the server's.
func (p *Page) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !p.edge.Knows(r.Host) {
			refuse(w, http.StatusForbidden, "this host name is not served here", "http.hosts adds names")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownOrigin reports whether an origin is exactly this server. Behind a proxy that
// ends TLS the request itself comes without.
func ownOrigin(r *http.Request, origin string) bool {
	from, err := url.Parse(origin)
	if err != nil || origin != from.Scheme+"://"+from.Host {
		return false
	}
	return strings.EqualFold(from.Host, r.Host) && (from.Scheme == "https" || from.Scheme == "http" && r.TLS == nil)
}

// sameSite refuses reads for pages of other origins, which could not see the
// answer anyway.
func sameSite(w http.ResponseWriter, r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" && site != "same-origin" && site != "none" || origin != "" && !ownOrigin(r, origin) {
		refuse(w, http.StatusForbidden, "only the page of this server may read this", "")
		return false
	}
	return true
}

// fromPage refuses writes that the page itself did not send.
func fromPage(w http.ResponseWriter, r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case !ownOrigin(r, r.Header.Get("Origin")) || site != "" && site != "same-origin":
		refuse(w, http.StatusForbidden, "only the page of this server may change something: the header Origin must be the address of this server", "")
	case r.Header.Get(PageHeader) == "":
		refuse(w, http.StatusForbidden, "only the page of this server may change something: the header "+PageHeader+" is missing", "")
	case kind != "application/json":
		refuse(w, http.StatusUnsupportedMediaType, "the Content-Type must be application/json", "")
	default:
		return true
	}
	return false
}

type loginKey struct{}

// callerOf returns the request with its caller in the context.
func (p *Page) callerOf(r *http.Request, one login) *http.Request {
	caller := &tools.Caller{Principal: one.principal, Scopes: one.scopes, Narrow: one.scopes.Selection(), Stream: r.Context()}
	return r.WithContext(context.WithValue(tools.WithCaller(r.Context(), caller), loginKey{}, one.way != ""))
}

// isPerson reports whether the request is one of a person who has logged in. On
// an open server it can be anyone who reaches the port.
func isPerson(ctx context.Context) bool {
	is, _ := ctx.Value(loginKey{}).(bool)
	return is
}

// admit returns the request with its caller, and takes a slot for it. It has
// refused the request if ok is false.
func (p *Page) admit(w http.ResponseWriter, r *http.Request, stream bool) (admitted *http.Request, give func(), ok bool) {
	one, found := p.loggedIn(r)
	if !found && !p.edge.Open {
		refuse(w, http.StatusUnauthorized, "log in first", "open the one-time link of chainwright ui, or enter a token")
		return nil, nil, false
	}
	if give, ok = p.edge.Take(one.principal, stream); !ok {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "too many requests at once", "wait a second")
		return nil, nil, false
	}
	return p.callerOf(r, one), give, true
}

// read returns the handler of a read that needs a scope.
func (p *Page) read(scope string, get func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !sameSite(w, r) {
			return
		}
		r, give, ok := p.admit(w, r, false)
		if !ok {
			return
		}
		defer give()
		if !allowed(w, r, scope) {
			return
		}
		answer(w, r, get)
	}
}

// stream returns the handler of a stream of events that needs a scope.
func (p *Page) stream(scope string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !sameSite(w, r) {
			return
		}
		r, give, ok := p.admit(w, r, true)
		if !ok {
			return
		}
		defer give()
		if one, ok := p.loggedIn(r); ok && !one.expires.IsZero() {
			ctx, done := context.WithTimeout(r.Context(), one.expires.Sub(p.opts.Now()))
			defer done()
			r = r.WithContext(ctx)
		}
		if allowed(w, r, scope) {
			serve(w, r)
		}
	}
}

// write returns the handler of a write. It checks the scopes itself.
func (p *Page) write(do func(r *http.Request, body json.RawMessage) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !fromPage(w, r) {
			return
		}
		r, give, ok := p.admit(w, r, false)
		if !ok {
			return
		}
		defer give()
		var body json.RawMessage
		if readBody(w, r, maxBody, &body) {
			answer(w, r, func(r *http.Request) (any, error) { return do(r, body) })
		}
	}
}

func allowed(w http.ResponseWriter, r *http.Request, scopes ...string) bool {
	if tools.CallerFrom(r.Context()).Scopes.Allow(scopes...) {
		return true
	}
	refuse(w, http.StatusForbidden, "the scopes of the token do not allow this; it needs: "+strings.Join(scopes, " "), "the operator adds the scope")
	return false
}

// needs is allowed for a write.
func needs(ctx context.Context, scopes ...string) error {
	if tools.CallerFrom(ctx).Scopes.Allow(scopes...) {
		return nil
	}
	return executors.Errorf(executors.PermissionDenied, "the scopes of the token do not allow this; it needs: %s", strings.Join(scopes, " ")).
		WithHint("the operator adds the scope")
}

// readBody decodes the JSON text of a body.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, http.StatusRequestEntityTooLarge, "the body is too long", "")
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body could not be read", "")
	case json.Unmarshal(body, into) != nil:
		refuse(w, http.StatusBadRequest, "the body must be a JSON object", "")
	default:
		return true
	}
	return false
}

// answer writes what a function returns.
func answer(w http.ResponseWriter, r *http.Request, get func(r *http.Request) (any, error)) {
	value, err := get(r)
	if err != nil {
		known := executors.AsError(err)
		replyError(w, statusOf(known.Type), known)
		return
	}
	status := http.StatusOK
	if _, asks := value.(*asking); asks {
		status = http.StatusConflict
	}
	reply(w, status, value)
}

func statusOf(kind executors.ErrorType) int {
	switch kind {
	case executors.ValidationError:
		return http.StatusBadRequest
	case executors.NotFound:
		return http.StatusNotFound
	case executors.PermissionDenied, executors.AuthenticationError:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// problem is the body of a refusal.
type problem struct {
	Error string `json:"error"`
	Type  string `json:"error_type,omitempty"`
	Field string `json:"field,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

func replyError(w http.ResponseWriter, status int, err *executors.Error) {
	reply(w, status, problem{err.Message, string(err.Type), err.Field, err.Hint})
}

func refuse(w http.ResponseWriter, status int, text, hint string) {
	reply(w, status, problem{Error: text, Hint: hint})
}

func reply(w http.ResponseWriter, status int, value any) {
	raw, done := value.(encoded)
	var err error
	if !done {
		raw, err = plainjson.Marshal(value)
	}
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":"the answer can't be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
