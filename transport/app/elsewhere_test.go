//go:build !temporal

package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/transport/app"
)

// The default program names the one that has the engine on Temporal, and each error
// says what is allowed.
func TestEngineElsewhere(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{
		"temporal://127.0.0.1:7233/default": "chainwright-temporal",
		"temporal://":                       "names no host",
		"river://127.0.0.1":                 "none that this program knows",
		"temporal://me@127.0.0.1":           "has a user",
		"temporal://127.0.0.1/a/b":          "a namespace with a slash",
	} {
		_, err := app.New(t.Context(), app.WithEngine(engine), app.WithDataDir(t.TempDir()), app.WithStore("postgres://me@127.0.0.1/none"))
		require.ErrorContains(t, err, want, engine)
	}
	_, err := app.New(t.Context(), app.WithEngine("temporal://127.0.0.1"), app.WithDataDir(t.TempDir()), app.WithStore("memory"))
	require.ErrorContains(t, err, "must be postgres://")
}
