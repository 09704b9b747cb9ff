package lazyregexp_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

func TestNew(t *testing.T) {
	t.Parallel()
	digits := lazyregexp.New(`^\d+$`)
	if !digits().MatchString("12") || digits().MatchString("x") {
		t.Error("it does not match what it should")
	}
	if first, second := digits(), digits(); first != second {
		t.Error("it is compiled twice")
	}
	broken := lazyregexp.New(`(`) // nobody has used it yet
	defer func() {
		if recover() == nil {
			t.Error("a broken expression is used")
		}
	}()
	broken()
}
