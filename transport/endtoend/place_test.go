package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// place is the environment of examples: the peers that they name are running,
// and the program is configured as an operator would do it.
type place struct {
	settings  map[string]any
	variables []string
	// trusted are certificates that the program trusts.
	trusted []byte
	// instead maps the names in the examples to the peers that were started.
	instead map[string]string
	// absent has the reasons why peers are not available here.
	absent map[string]string
	// within, if set, is a tree with the executor's task as the last one, for
	// an executor that is not published as a tool.
	within func(inputs any) []any
}

// policyOf returns the part of a configuration that opens something.
func policyOf(opened map[string]any) map[string]any { return map[string]any{"policy": opened} }

// folder opens the working folder, to read and to write.
func folder(work string) map[string]any {
	return map[string]any{"roots": map[string]any{"work": map[string]any{"path": work, "write": true}}}
}

// loopback opens the addresses of the peers.
func loopback() map[string]any { return map[string]any{"allow": []any{"127.0.0.1"}} }

// translate replaces the names in a text by the peers that were started.
func (p *place) translate(text string) string {
	var pairs []string
	for name, peer := range p.instead {
		pairs = append(pairs, name, peer)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// missing returns why a text can't be used here; "" if it can.
func (p *place) missing(text string) string {
	for name, reason := range p.absent {
		if strings.Contains(text, name) {
			return reason
		}
	}
	return ""
}

// home is a user with the configuration of the place.
func (p *place) home(t *testing.T) home {
	t.Helper()
	settings := map[string]any{"executors_dir": "none", "log_level": "warn"}
	join(settings, p.settings)
	h := newHome(t, settings)
	h.variables = p.variables
	if len(p.trusted) > 0 {
		if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
			t.Skip("a certificate of the test's own can't be trusted by one program alone on this system")
		}
		bundle := filepath.Join(h.dir, "trusted.pem")
		require.NoError(t, os.WriteFile(bundle, p.trusted, 0o600))
		h.variables = append(h.variables, "SSL_CERT_FILE="+bundle)
	}
	return h
}

// join merges another configuration: tables and lists are joined.
func join(to, more map[string]any) {
	for key, value := range more {
		switch value := value.(type) {
		case map[string]any:
			inner, ok := to[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				to[key] = inner
			}
			join(inner, value)
		case []any:
			before, _ := to[key].([]any)
			to[key] = append(before[:len(before):len(before)], value...)
		default:
			to[key] = value
		}
	}
}

// together is one place with the peers of several places.
func together(places ...*place) *place {
	all := &place{settings: map[string]any{}, instead: map[string]string{}, absent: map[string]string{}}
	for _, each := range places {
		join(all.settings, each.settings)
		all.variables = append(all.variables, each.variables...)
		all.trusted = append(all.trusted, each.trusted...)
		for name, peer := range each.instead {
			all.instead[name] = peer
		}
		for name, reason := range each.absent {
			all.absent[name] = reason
		}
	}
	return all
}

// attempt starts a peer that not every machine has, and records why it could
// not be started. Only the examples that name it are then skipped.
func attempt(t *testing.T, start func(testing.TB)) (reason string) {
	t.Helper()
	tried := &trial{TB: t}
	var done sync.WaitGroup
	done.Go(func() { start(tried) })
	done.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return tried.reason
}

// trial is a test that is not skipped as a whole.
type trial struct {
	testing.TB
	reason string
}

// Skip stores the reason and ends the attempt.
func (t *trial) Skip(args ...any) {
	t.Helper()
	t.reason = fmt.Sprint(args...)
	runtime.Goexit()
}

// Skipf is Skip with a format.
func (t *trial) Skipf(format string, args ...any) {
	t.Helper()
	t.Skip(fmt.Sprintf(format, args...))
}

// certificate is the certificate of the peers in this process.
func certificate(tb testing.TB) *peers.Certificate {
	tb.Helper()
	making.Do(func() { made = peers.NewCertificate(tb) })
	return made
}

var (
	making sync.Once
	made   *peers.Certificate
)

// write writes a file that containers and other users can read.
func write(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // read by a user of the container's
}
