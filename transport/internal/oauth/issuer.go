package oauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"
)

const (
	// refreshAfter is the age at which keys are read again while they are used.
	refreshAfter = 10 * time.Minute
	// staleAfter is the age at which keys are used no more, if they can't be read.
	staleAfter = time.Hour
	// retryAfter is the shortest time between two attempts to read keys. Without
	// it, tokens with made-up keys would make this server flood the issuer.
	retryAfter = 5 * time.Second
)

// issuer holds the keys of an issuer. It reads them when a token needs them, one
// attempt at a time.
//
// It implements oidc.KeySet. The library's own reads the keys again for every
// wrong signature, and keeps a key that the issuer has withdrawn.
type issuer struct {
	url        string
	client     *client
	algorithms []string
	log        zerolog.Logger
	now        func() time.Time
	run        func(read func(context.Context)) bool // in the background; false after Close

	mu     sync.Mutex
	state  Discovered
	read   time.Time // when state was read; zero: never
	tried  time.Time // when the last attempt ended
	failed error     // of the last attempt
	flight chan struct{}
}

var (
	errSignature = errors.New("no key of the issuer verifies the signature")
	errClosed    = errors.New("the server ends")
)

type missingKey struct{}

// withMissing returns a context by which VerifySignature reports that there are no
// keys.
func withMissing(ctx context.Context, into **UnavailableError) context.Context {
	return context.WithValue(ctx, missingKey{}, into)
}

// VerifySignature implements oidc.KeySet.
func (i *issuer) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(i.algorithms))
	for n, name := range i.algorithms {
		algorithms[n] = jose.SignatureAlgorithm(name)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("it is not a signed JWT")
	}
	if payload, ok := verified(signed, i.known()); ok {
		return payload, nil
	}
	state, err := i.refresh(ctx)
	if err != nil {
		if into, ok := ctx.Value(missingKey{}).(**UnavailableError); ok {
			*into = &UnavailableError{err}
		}
		return nil, err
	}
	if payload, ok := verified(signed, state.keys); ok {
		return payload, nil
	}
	return nil, errSignature
}

// verified returns the payload of a token that one of the keys verifies.
func verified(signed *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	head := signed.Signatures[0].Header
	for n := range keys {
		key := &keys[n]
		if head.KeyID != "" && key.KeyID != head.KeyID || key.Algorithm != "" && key.Algorithm != head.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// known returns the keys that may be used now. Old ones are read again in the
// background.
func (i *issuer) known() []jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	age := i.now().Sub(i.read)
	if i.read.IsZero() || age > staleAfter {
		return nil
	}
	if age > refreshAfter && i.mayTry() {
		i.begin()
	}
	return i.state.keys
}

// mayTry reports whether the keys may be read now.
func (i *issuer) mayTry() bool { return i.tried.IsZero() || i.now().Sub(i.tried) >= retryAfter }

// begin reads the keys in the background, unless that is being done.
func (i *issuer) begin() {
	if i.flight != nil {
		return
	}
	done := make(chan struct{})
	begun := i.run(func(ctx context.Context) {
		state, err := i.client.discover(ctx, i.url)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.tried, i.failed, i.flight = i.now(), err, nil
		switch {
		case err == nil:
			i.state, i.read = *state, i.tried
		case ctx.Err() == nil:
			i.log.Warn().Err(err).Str("issuer", i.url).Msg("the keys of an OAuth issuer can't be read; tokens with keys that are not known are refused until they can")
		}
		close(done)
	})
	if !begun {
		i.failed = errClosed
		return
	}
	i.flight = done
}

// discovered returns what the issuer says of itself, and reads it if it is not
// known or old.
func (i *issuer) discovered(ctx context.Context) (Discovered, error) {
	if i.known() != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.state, nil
	}
	return i.refresh(ctx)
}

// refresh reads the keys, or waits for those that are being read. It does not
// read them again right after an attempt.
func (i *issuer) refresh(ctx context.Context) (Discovered, error) {
	i.mu.Lock()
	if i.mayTry() {
		i.begin()
	}
	flight := i.flight
	i.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return Discovered{}, fmt.Errorf("waiting for %s: %w", i.url, context.Cause(ctx))
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed != nil {
		return Discovered{}, i.failed
	}
	return i.state, nil
}
