package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParamsReadWhatIsGiven(t *testing.T) {
	t.Parallel()
	var got struct {
		text   string
		list   []string
		on     bool
		n      int
		f      float64
		maybeN *int
		maybeF *float64
		mode   string
		kind   string
	}
	params := map[string]*param{
		"text":    flag("text", &got.text, "TEXT", ""),
		"list":    flag("list", &got.list, "A,B", ""),
		"on":      flag("on", &got.on, "", ""),
		"n":       flag("n", &got.n, "N", "").initially("30"),
		"f":       flag("f", &got.f, "N", ""),
		"maybe-n": flag("maybe-n", &got.maybeN, "N", ""),
		"maybe-f": flag("maybe-f", &got.maybeF, "N", ""),
		"mode":    flag("mode", &got.mode, "MODE", "").oneOf("a", "b"),
		"kind":    flag("kind", &got.kind, "KIND", "").oneOf("a", "b").initially("a"),
	}
	require.Equal(t, 30, got.n)
	require.Equal(t, "a", got.kind)
	require.Nil(t, got.maybeN)

	for _, c := range []struct{ name, text, problem string }{
		{"text", "a,b", ""}, {"text", "", ""},
		{"list", `a,b\,c`, ""}, {"list", "d", ""},
		{"on", "true", ""}, {"on", "maybe", `must be true or false; got "maybe"`},
		{"n", "7", ""}, {"n", "x", `must be a whole number; got "x"`}, {"n", "1.5", `must be a whole number; got "1.5"`},
		{"f", "0.5", ""}, {"f", "NaN", `must be a number; got "NaN"`}, {"f", "1e999", `must be a number; got "1e999"`},
		{"maybe-n", "-1", ""}, {"maybe-f", "0", ""},
		{"mode", "b", ""}, {"mode", "c", `must be one of a, b; got "c"`}, {"mode", "", ""},
		{"kind", "b", ""}, {"kind", "", `must be one of a, b; got ""`},
	} {
		err := params[c.name].Set(c.text)
		if c.problem == "" {
			require.NoError(t, err, "%s %s", c.name, c.text)
		} else {
			require.EqualError(t, err, c.problem, "%s %s", c.name, c.text)
		}
	}

	require.Equal(t, []string{"a", "b,c", "d"}, got.list)
	require.True(t, got.on)
	require.Equal(t, 7, got.n)
	require.InDelta(t, 0.5, got.f, 0)
	require.Equal(t, -1, *got.maybeN)
	require.Zero(t, *got.maybeF)
	require.Equal(t, "b", got.kind)
	require.Empty(t, got.mode, "an empty text takes a choice back")
}
