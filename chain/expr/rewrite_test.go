package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/expr"
)

func TestRewrite(t *testing.T) {
	t.Parallel()
	upper := func(src string) (string, error) { return strings.ToUpper(src), nil }
	for in, want := range map[string]string{
		"":                                    "",
		"plain $${{ a }} ${ b } }}":           "plain $${{ a }} ${ b } }}",
		"${{ a }}${{b}}":                      "${{ A }}${{B}}",
		`x ${{ "}}" + {a: {b: 1}}.c }} y`:     `x ${{ "}}" + {A: {B: 1}}.C }} y`,
		"${{ secrets.Name }} and ${{ name }}": "${{ secrets.Name }} and ${{ NAME }}",
		"${{ never closed":                    "${{ never closed",
	} {
		if got, err := expr.Rewrite(in, upper); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	wrong := errors.New("wrong")
	if _, err := expr.Rewrite("a ${{ b }}", func(string) (string, error) { return "", wrong }); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
}
