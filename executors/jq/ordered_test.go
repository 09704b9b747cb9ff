package jq_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/jq"
)

// A text is not put in order with a number: in jq it is always greater.
func TestTextsAndNumbersHaveNoOrder(t *testing.T) {
	t.Parallel()
	input := map[string]any{"amount": "90.5", "n": 100, "none": nil, "name": "Ada"}
	for _, program := range []string{
		`.amount > 100`, `100 < .amount`, `.amount <= .n`, `.n >= .amount`, `[.amount] | map(select(. > 100))`, `if .name < 3 then 1 else 2 end`,
		`. as {$amount} | $amount > 1`, `def big: . > 100; .amount | big`, `reduce .amount as $x (0; if $x > . then $x else . end)`,
	} {
		compiled, err := jq.Compile(program)
		if err != nil {
			t.Fatal(program, err)
		}
		outputs, err := compiled.Run(t.Context(), input)
		if err == nil || !strings.Contains(err.Error(), "can't be put in order") || !strings.Contains(err.Error(), "tonumber") {
			t.Errorf("%s: %v, %v", program, outputs, err)
		}
	}
	for program, want := range map[string]any{
		`(.amount | tonumber) > 90`: true, `.amount > "100"`: true, `.none < 1`: true, `.n > 99.5`: true, `.amount == 90.5`: false, `.amount != .n`: true,
		`[.n] > [.name]`: false, `true < .n`: true, `try (.amount > 1) catch "caught"`: "caught", `(.amount > 1)? // 7`: 7,
	} {
		compiled, err := jq.Compile(program)
		if err != nil {
			t.Fatal(program, err)
		}
		if outputs, err := compiled.Run(t.Context(), input); err != nil || len(outputs) != 1 || fmt.Sprint(outputs[0]) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v; want %v", program, outputs, err, want)
		}
	}
}
