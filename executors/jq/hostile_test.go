package jq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/executors/executortest"
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
	// Texts that are searched.
	`("a" * 8000000) | indices("a" * 4000000) | .[5000000]`,
	`("a" * 16000000) | [index("a" * 8000000), rindex("a" * 8000000)] | implode`,
	`("ab" * 8000000) | indices("ab") | length`,
	`[range(1000000) | 0] | .[[range(1000) | 0] + [1]]`,
	`[range(1000000) | 0] | getpath([[range(1000) | 0] + [1]])`,
	`[[range(1000000) | 0]] | JOIN(.[0]; .[]; [range(1000) | 0] + [1])`,
	`[range(1000000) | 0] | index([range(1000) | 0] + [1])`,
	`[range(1000000) | 0] | rindex([range(1000) | 0] + [1])`,
	// Guards that the program would call past or replace.
	`("a" * 8000000) | _own_indices("a" * 4000000)`,
	`[range(100000)] | _subtract(.; [range(100000) | . + 0.5])`,
	`("a" * 1000000) | _match(""; "g"; false)`,
	`def _pair($a; $b): [$a, $b]; "x" * 1000000000`,
	`def _small: .; reduce range(100) as $i ("x"; . + .)`,
	`1 as $__budget | "x" * 1000000000 | tojson`,
	`$__budget | tojson`,
	`{$__budget} | tojson`,
	`[range(1000) | try ([range(100000)] - [range(100000) | . + 0.5]) catch 1]`,
	// Digits that become a number.
	`("9" * 4000000) | fromjson + 1`,
	`("[" + "9" * 4000000 + "]") | fromjson | .[0] * 2`,
	`reduce range(30) as $i (3; . * .) | . % 7`,
	`reduce range(16) as $i (10; . * .) | [range(100000) as $i | .] | add`,
	// Regular expressions.
	`("a" * 1000000) | test("(a?){500}(a?){500}b")`,
	`("a" * 1000000) | [match("a(.*z)?"; "g")]`,
	`("a" * 1000000) | [match("\\Ab?|a(.*z)?"; "g")]`,
	`("a" * 100000) | gsub("a(.*z)?"; "b")`,
	`("a" * 1000000) | split("a(.*z)?"; null)`,
	`"x" | test("a" * 10000000)`,
	`"x" | test("(a|b){1000}" * 1400)`,
	`range(10000000) | tostring as $r | "a" | test($r)`,
	// Arrays that grow up to an index.
	`setpath([range(1000) | 4000000]; 1)`,
	`null` + strings.Repeat(`[4000000]`, 1000) + ` = 1`,
	`def f: .[4000000]; def g: f | f | f | f | f | f; (g | g | g) = 1`,
	`4000000 as $n | .[$n][$n][$n][$n][$n][$n][$n][$n] |= 1`,
	`getpath([range(100) | 4000000]) |= 1`,
	`[fromstream([[range(100) | 4000000], 1])]`,
	`pick(getpath([range(100) | 4000000]))`,
	// Long equal texts that are compared often.
	twins + `[range(100000)] | sort_by(if . % 2 == 0 then $s else $t end)`,
	twins + `[range(100000)] | group_by(if . % 2 == 0 then $s else $t end)`,
	twins + `[range(100000)] | unique_by(if . % 2 == 0 then $s else $t end)`,
	twins + `[range(100000)] | min_by(if . % 2 == 0 then $s else $t end)`,
	twins + `[range(100000)] | max_by(if . % 2 == 0 then $s else $t end)`,
	twins + `[range(100000) | if . % 2 == 0 then $s else $t end] | unique`,
	twins + `[range(1000) | $s] - [range(1000) | $t]`,
	twins + `[range(1000) | $s] | indices([$t])`,
	twins + `[range(1000) | $s] | contains([range(1000) | $t])`,
	// Texts that grow when they are written.
	`now | strftime("%1024d" * 800000)`,
	`now | strflocaltime("%1024d" * 800000)`,
	`("%d" * 8000000) as $f | "1" | strptime($f)`,
	`("\u0001" * 30000000) | tojson`,
	`("\"" * 30000000) | @html`,
	`[range(300000) | "'" * 20] | @sh`,
	`("\u0001" * 30000000) | @uri`,
	`[range(10) | "\"" * 3000000] | @csv`,
	`jn(9e15; 5)`,
	`yn(-9e15; 5)`,
	`("[{}" + ",{}" * 5000000 + "]") | fromjson`,
}

// twins are two long texts that are equal but not the same.
const twins = `("a" * 10000000) as $s | ($s[1:] + "a") as $t | `

// TestHostile: every program ends, soon and without taking the process along.
func TestHostile(t *testing.T) {
	for i, src := range hostile {
		if i%executortest.Slower != 0 {
			continue
		}
		t.Run(src, func(t *testing.T) {
			var err error
			executortest.Ends(t, "a program whose time is over", func() {
				var program *jq.Program
				if program, err = jq.Compile(src); err == nil {
					_, err = program.Within(jq.Bounds{Time: 200 * time.Millisecond}).Run(context.Background(), nil)
				}
			})
			var typed *jq.Error
			if !errors.As(err, &typed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzRun: no program makes the wrapper panic or answer otherwise than gojq
// itself, where that answers at once.
func FuzzRun(f *testing.F) {
	for i := 0; i < len(hostile); i += executortest.Slower {
		f.Add(hostile[i], `null`)
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
		got, err := program.Within(jq.Bounds{Time: 50 * time.Millisecond, Work: 1 << 19}).Run(context.Background(), v)
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
