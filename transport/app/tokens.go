package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/http"
)

// Token is a named bearer token. Runs and limits belong to its principal.
type Token struct {
	Name string
	// Value is the token. If it is empty, the token is the content of File,
	// which callers must not be able to read.
	Value string
	File  string
	// Principal is the caller (Name). Tokens with the same principal share their
	// runs; "token" is that of HTTP.Token.
	Principal string
	// Scopes are what the caller may do; nil: everything. See
	// docs/configuration.md.
	Scopes []string
}

// maxTokenFile is the largest file of a token in bytes.
const maxTokenFile = 4096

func (t *Token) key() string { return "http.tokens." + t.Name }

// checkTokens checks everything about the tokens that does not need their
// values.
func (a *App) checkTokens() error {
	var errs []error
	names := map[string]bool{}
	for i := range a.options.http.Tokens {
		t := &a.options.http.Tokens[i]
		scopes, err := tools.ParseScopes(t.Scopes)
		if selection := scopes.Selection(); err == nil && selection != nil {
			err = a.tools.CheckNames(selection)
		}
		switch {
		case t.Name == "" || names[t.Name]:
			errs = append(errs, fmt.Errorf("each token needs a name of its own; got %q", t.Name))
		case t.Value != "" && t.File != "":
			errs = append(errs, fmt.Errorf("%s has both a value and a file; set only one", t.key()))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s.scopes: %w", t.key(), err))
		}
		names[t.Name] = true
	}
	return errors.Join(errs...)
}

// tokens reads the tokens. It leaves out those that can't be used, which the
// error names: the ones with fewer than least bytes, for example. The values of
// the others are redacted from now on.
func (a *App) tokens(least int) ([]http.Token, error) {
	var errs []error
	list := make([]http.Token, 0, len(a.options.http.Tokens))
	holders := map[string]string{a.options.http.Token: "the server's own token"}
	for i := range a.options.http.Tokens {
		t := &a.options.http.Tokens[i]
		value, err := a.tokenValue(t)
		switch holder := holders[value]; {
		case err != nil:
		case value == "":
			err = fmt.Errorf("%s is empty; set its variable or write its file", t.key())
		case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
			err = fmt.Errorf("%s must consist of visible ASCII characters, without spaces", t.key())
		case len(value) < least:
			err = fmt.Errorf("%s has %d characters; use at least %d, as at the start", t.key(), len(value), least)
		case holder != "":
			err = fmt.Errorf("%s is the same as %s; each token must be different", t.key(), holder)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		holders[value] = t.key()
		a.policy.Know(t.key(), value)
		named := http.Token{Name: t.Name, Value: value, Principal: t.Principal, Scopes: tools.Scopes(t.Scopes)}
		if named.Principal == "" {
			named.Principal = t.Name
		}
		list = append(list, named)
	}
	return list, errors.Join(errs...)
}

// tokenFiles reads the tokens again when one of their files has changed.
type tokenFiles struct {
	app  *App
	mu   sync.Mutex
	seen map[string]fs.FileInfo // as the files were; nil: there is none
}

// reload returns the tokens if a file has changed. A token that can't be used is
// refused from then on, until its file changes again.
func (f *tokenFiles) reload(least int) ([]http.Token, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.moved() {
		return nil, false
	}
	list, err := f.app.tokens(least)
	if err != nil {
		f.app.options.log.Error().Err(err).Msg("a token can't be used after its file changed; it is refused")
	} else {
		f.app.options.log.Info().Msg("the tokens were read again, because a file changed")
	}
	return list, true
}

// moved reports whether a file is another one, or has changed, since the last
// call.
func (f *tokenFiles) moved() bool {
	moved, now := false, map[string]fs.FileInfo{}
	for i := range f.app.options.http.Tokens {
		path := f.app.options.http.Tokens[i].File
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			info = nil
		}
		was := f.seen[path]
		now[path] = info
		moved = moved || (info == nil) != (was == nil) ||
			info != nil && (!os.SameFile(info, was) || info.Size() != was.Size() || !info.ModTime().Equal(was.ModTime()))
	}
	f.seen = now
	return moved
}

func (a *App) tokenValue(t *Token) (string, error) {
	if t.File == "" {
		return t.Value, nil
	}
	file, err := a.policy.OpenTrusted(t.trusted())
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s.file: %w", t.key(), err)
	case len(data) > maxTokenFile:
		return "", fmt.Errorf("%s.file: %s is longer than %d bytes, so it holds no token", t.key(), t.File, maxTokenFile)
	}
	return strings.TrimSpace(string(data)), nil
}

func (t *Token) trusted() policy.Trusted {
	return policy.Trusted{Setting: t.key() + ".file", Path: t.File, Private: true}
}
