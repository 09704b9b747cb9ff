package jq_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/executors/jq"
)

// hostile programs try to outlast or outgrow their bounds, many of them in
// one step that can't be interrupted.
var hostile = []string{
	`def f: f; f`,
	`def f: 1 + f; f`,
	`def f: [f]; f`,
	`def f: f, f; f`,
	`range(infinite)`,
	`[range(infinite)]`,
	`last(range(infinite))`,
	`repeat(1)`,
	`[limit(100000000; repeat("aaaaaaaaaaaaaaaaaaaaaa" + "b"))]`,
	`until(false; . + 1)`,
	`"x" * 1000000000`,
	`1000000000 * "x"`,
	`[range(1000) | "x" * 30000000]`,
	`reduce range(100) as $i ("x"; . + .)`,
	`reduce range(100) as $i ("x"; . * 9)`,
	`reduce range(100) as $i ("x"; "\(.)\(.)")`,
	`reduce range(100) as $i ("x"; . += .)`,
	`reduce range(100) as $i ([1]; . + .)`,
	`reduce range(100) as $i ([1]; .[0:0] = .)`,
	`reduce range(100) as $i ("x"; [., .] | add)`,
	`reduce range(100) as $i ("x"; [., .] | join(""))`,
	`[range(100000)] | map("") | join("x" * 1000000)`,
	`reduce range(100) as $i ("x"; [., .] | tojson)`,
	`reduce range(100) as $i ("<"; @json)`,
	`reduce range(100) as $i ([]; [., .])`,
	`reduce range(100) as $i ([]; [., .]) | tojson`,
	`reduce range(100) as $i ([]; [., .]) | "\(.)"`,
	`reduce range(100) as $i ([]; [., .]) | flatten`,
	`reduce range(100) as $i ([]; [., .]) | . == .`,
	`reduce range(100) as $i ([]; [., .]) | [., .] | sort`,
	`reduce range(100) as $i ([]; [., .]) | [., .] | unique_by(.)`,
	`reduce range(100) as $i ([]; [., .]) | IN([.])`,
	`reduce range(100) as $i ([]; [., .]) | error`,
	`reduce range(100) as $i ([]; [., .]) | error(.)`,
	`reduce range(100) as $i ([]; [., .]) | halt_error`,
	`reduce range(100) as $i ([]; [., .]) | del(.[0][0])`,
	`reduce range(100) as $i ([]; [., .]) | .[0][0] |= empty`,
	`reduce range(100) as $i ([]; [., .]) | contains(.)`,
	`reduce range(100) as $i ({}; {a: ., b: .}) | . * .`,
	`reduce range(100000) as $i (0; [.])`,
	`reduce range(100000) as $i (0; [.]) | tojson`,
	`reduce range(100000) as $i (0; [.]) | . == .`,
	`reduce range(100000) as $i (0; [.]) | flatten`,
	`reduce range(100000) as $i ({}; {a: .}) | . * .`,
	`reduce range(100) as $i (10; . * .)`,
	`reduce range(100) as $i (10; . *= .)`,
	`("9" * 1000000) | tonumber`,
	`.[536870911] = 1`,
	`500000000 as $i | .[$i] = 1`,
	`setpath([500000000]; 1)`,
	`getpath([500000000]) = 1`,
	`nth(500000000) = 1`,
	`fromstream([[500000000], 1])`,
	`setpath([range(3000000) | "a"]; 1)`,
	`[range(2000)] | map([range(2000)]) | [.[], [range(4000000)]] | transpose`,
	`[[range(100000)]] + [range(100000) | []] | transpose`,
	`[range(100000) | 0] | indices([range(50000) | 0] + [1])`,
	`[range(100000) | 0] | .[[range(50000) | 0] + [1]]`,
	`[range(100000)] - [range(100000) | . + 0.5]`,
	`[range(100000)] | contains([range(100000) | . + 0.5])`,
	`("x" * 1000000) | [match(""; "g")] | length`,
	`("x" * 1000000) | [scan("x")] | length`,
	`("x" * 1000000) | gsub("x"; "y") | length`,
	`("x" * 1000000) | gsub("x"; "y" * 1000000)`,
	`("x" * 30000000) | explode | length`,
	`("x" * 30000000) | split("") | length`,
	`("x" * 30000000) / "" | length`,
	`("[" * 10000000) | fromjson`,
	`[range(100000)] | combinations(5)`,
	`[range(100000)] | [.[] as $x | .[] as $y | $x]`,
	`[splits("")]`,
}

// TestHostile: every program ends, soon and without taking the process along.
func TestHostile(t *testing.T) {
	for _, src := range hostile {
		t.Run(src, func(t *testing.T) {
			start := time.Now()
			program, err := jq.Compile(src)
			if err == nil {
				_, err = program.Within(jq.Bounds{Time: 500 * time.Millisecond}).Run(context.Background(), nil)
			}
			var typed *jq.Error
			if !errors.As(err, &typed) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Logf("%v: %v", took, err)
			}
		})
	}
}

// FuzzRun: no program makes the wrapper panic or answer otherwise than gojq
// itself, where that answers at once.
func FuzzRun(f *testing.F) {
	for _, src := range hostile {
		f.Add(src, `null`)
	}
	for _, src := range []string{`.a + 1`, `map(. * 2)`, `.[0] as [$a] | $a`, `"\(.a)"`, `sort_by(.a) | group_by(.b)`, `.a |= (. // 1)`,
		`with_entries(.value |= tostring)`, `[.[] | select(. > 2)]`, `@base64 "x\(.)"`, `limit(3; .[])`, `del(.a, .b)`} {
		f.Add(src, `{"a":1,"b":[1,2.5,"x",null,{"c":true}]}`)
	}
	f.Fuzz(func(t *testing.T, src, input string) {
		if len(input) > 1000 || len(src) > 1000 {
			return
		}
		v, ok := tryDecode(input)
		if !ok {
			return
		}
		program, err := jq.Compile(src)
		if err != nil {
			return
		}
		got, err := program.Within(jq.Bounds{Time: 50 * time.Millisecond}).Run(context.Background(), v)
		if err == nil && got == nil {
			return
		}
		if err != nil {
			var typed *jq.Error
			if !errors.As(err, &typed) || typed.Message == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, v := range got {
			if _, err := gojq.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}
