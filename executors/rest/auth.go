package rest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors/internal/web"
)

type auth struct {
	Type     string `json:"type"`
	Token    string `json:"token"`
	Username string `json:"username"`
	Password string `json:"password"`
	Key      string `json:"key"`
	Value    string `json:"value"`
	Location string `json:"location"`
}

// inQuery reports whether the credential is sent as a query parameter.
func (a *auth) inQuery() bool { return a.Type == "apikey" && a.Location == "query" }

// apply validates the credentials and adds them to the headers. An API key for
// the query is validated only; newRequest adds it.
func (a *auth) apply(header http.Header, query url.Values) error {
	switch a.Type {
	case "bearer":
		if a.Token == "" {
			return web.Invalid("auth.token", "auth.token is required with auth.type bearer")
		}
		return setCredential(header, "auth.token", "Authorization", "Bearer "+a.Token)
	case "basic":
		if a.Username == "" && a.Password == "" {
			return web.Invalid("auth.username", "auth.username is required with auth.type basic")
		}
		if strings.Contains(a.Username, ":") {
			return web.Invalid("auth.username", "auth.username must not contain a colon: basic authentication can't send one")
		}
		pair := base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + a.Password))
		return setCredential(header, "auth", "Authorization", "Basic "+pair)
	default:
		if a.Value == "" {
			return web.Invalid("auth.value", "auth.value is required with auth.type apikey")
		}
		if a.inQuery() {
			if query.Has(a.Key) {
				return web.Invalid("auth.key", "auth.key: the query already has a parameter %q", a.Key)
			}
			return nil
		}
		named, err := web.ReadHeaders(map[string]any{a.Key: a.Value})
		if err != nil {
			return web.Invalid("auth.key", "auth.key and auth.value must form a valid header; got the name %q", a.Key)
		}
		for name, values := range named {
			return setCredential(header, "auth.value", name, values[0])
		}
		return nil
	}
}

func setCredential(header http.Header, field, name, value string) error {
	if _, given := header[name]; given {
		return web.Invalid(field, "%s and headers.%s both set the header %s; use one of them", field, name, name)
	}
	checked, err := web.HeaderValue(field, value)
	if err != nil {
		return err
	}
	header[name] = []string{checked}
	return nil
}
