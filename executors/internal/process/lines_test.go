package process

import (
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pieces, want []string }{
		"nothing":                 {nil, nil},
		"no end":                  {[]string{"a", "b"}, nil},
		"one":                     {[]string{"a\n"}, []string{"a"}},
		"in pieces":               {[]string{"a", "b\nc", "d\r\n", "e"}, []string{"ab", "cd"}},
		"the last of many":        {[]string{"a\nb\nc\nd"}, []string{"c"}},
		"a bar":                   {[]string{"1%\r", "2%\r"}, []string{"1%", "2%"}},
		"empty lines":             {[]string{"\n\n", "a\n\n\n", " \n"}, []string{"a"}},
		"not UTF-8":               {[]string{"a\xff\n"}, []string{"a\uFFFD"}},
		"a long one":              {[]string{strings.Repeat("x", 3000), strings.Repeat("y", 3000), "\n"}, []string{strings.Repeat("x", 199) + "…"}},
		"long pieces are skipped": {[]string{"a\n", strings.Repeat("x", longPiece) + "\nb\n", "c\n"}, []string{"a", "c"}},
	} {
		var got []string
		see := Lines(func(line string) { got = append(got, line) })
		for _, piece := range c.pieces {
			see([]byte(piece))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
