package jq_test

import (
	"context"
	"errors"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/jq"
)

// Pieces of programs: values of a size, and steps over them. A fuzzer joins
// them by their numbers, so that most of what it writes is a program.
var (
	sources = []string{
		`"a" * 30000`, `"ab\n" * 10000`, `"é" * 9000`, `[range(3000)]`, `[range(300) | tostring]`, `[range(500) | {"k\(.)": .}] | add`,
		`reduce range(12) as $i ([]; [., .])`, `reduce range(200) as $i (0; [.])`, `[range(60) | [range(60)]]`, `"9" * 900`, `null`,
		`reduce range(12) as $i (7; . * .)`, `[range(100) | {a: ., b: "x" * .}]`, `"[" + "1," * 5000 + "1]"`, `1e300`, `100000`,
	}
	pieces = []string{
		`. + .`, `. * .`, `. - .`, `. / .`, `. % 7`, `. == .`, `. < .`, `. * 100`, `[., .]`, `{a: ., b: .}`, `tojson`, `tostring`, `fromjson`,
		`@html`, `@uri`, `@csv`, `@sh`, `@base64`, `@base64d`, `@json "x\(.)"`, `explode`, `implode`, `split("")`, `split("a")`, `join(",")`,
		`indices(.)`, `indices("a")`, `index(.)`, `rindex("a")`, `.[.]`, `.[[0]]`, `.[3:]`, `.[:-1]`, `.[1]`, `.[]`, `.a`, `keys`, `length`,
		`add`, `flatten`, `sort`, `unique`, `group_by(.)`, `sort_by(tojson)`, `min`, `max_by(tostring)`, `reverse`, `transpose`, `contains(.)`,
		`inside(.)`, `combinations`, `[combinations(2)]`, `walk(.)`, `[paths]`, `[tostream]`, `fromstream(tostream)`, `to_entries`, `from_entries`,
		`with_entries(.)`, `[match("a*"; "g")]`, `[match("a(.*z)?"; "g")]`, `test("(a?){30}b")`, `gsub("a"; "bb")`, `gsub("(?<x>.)"; .x + .x)`,
		`sub("a"; "b")`, `[scan(".")]`, `split("a*"; null)`, `setpath([100000]; 1)`, `setpath(["a", 5000]; .)`, `getpath([3000, "a"])`,
		`del(.[0])`, `del(.. | select(. == 1))`, `.[0] |= .`, `.[] += 1`, `(.. | numbers) |= . + 1`, `.[20000] = 1`, `.[100:200] = .`,
		`tonumber`, `tojson | fromjson`, `ascii_downcase`, `ltrimstr("a")`, `strftime("%1000d")`, `[limit(1000; repeat(.))]`, `[range(.)]`,
		`map(.)`, `map([., .])`, `reduce .[] as $x (.; [., $x])`, `[.[] as $x | .[] as $y | [$x, $y]]`, `[range(50) as $i | .]`,
		`def f: if length > 1000 then . else [., .] | f end; f`, `INDEX(.[]; tostring)`, `IN(.[])`, `bsearch(5)`, `getpath(["a"])`, `pick(.[0])`,
		`try error catch .`, `ascii`, `@text`, `tojson * 3`, `[splits("b")]`, `capture("(?<a>a+)")`, `any`, `isvalid(.[0])`, `floor`, `pow(.; 2)`, `-.`,
	}
)

func program(choice []byte) string {
	parts := []string{"null"}
	for i, c := range choice {
		if i == 0 {
			parts[0] = sources[int(c)%len(sources)]
		} else {
			parts = append(parts, pieces[int(c)%len(pieces)])
		}
	}
	return strings.Join(parts, " | ")
}

// FuzzBudget: no program does more than ten times the work of its budget. Work
// is counted in bytes that are allocated; a unit pays for up to 64 of them. A
// program that works without allocating would not end.
func FuzzBudget(f *testing.F) {
	for i := 0; i < len(pieces); i += executortest.Slower {
		for j := range 3 {
			f.Add([]byte{byte(i + j*5), byte(i)})
		}
		f.Add([]byte{byte(i), byte(i + 1), byte(i * 7), byte(i * 11)})
	}
	f.Fuzz(func(t *testing.T, choice []byte) {
		if len(choice) > 8 {
			return
		}
		src := program(choice)
		p, err := jq.Compile(src)
		if err != nil {
			return
		}
		const work, overrun = 1 << 17, 10 * 64
		before := allocated()
		executortest.Ends(t, src, func() {
			_, err = p.Within(jq.Bounds{Work: work, Time: time.Minute}).Run(context.Background(), nil)
		})
		if bytes := allocated() - before; bytes > work*overrun {
			t.Errorf("%s allocated %d MiB with a budget of %d units: %v", src, bytes>>20, work, err)
		}
	})
}

func allocated() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}

// TestWorkHasABudget: the same program ends within a budget or because of it,
// whatever the time, and the error says so.
func TestWorkHasABudget(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`[range(1000)] | sort`, `[range(1000)] - [range(1000)]`, `("ab" * 5000) | indices("b")`, `("a" * 3000) | test("a*b")`,
		`[range(2000)] | map(. + 1)`, `[range(1000)] | contains([5])`, `("a" * 30000) | tojson`, `.[2000] = 1`, `try sort catch 1 | [range(2000)] | sort`,
	} {
		p, err := jq.Compile(src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(context.Background(), nil); err != nil && !strings.HasPrefix(src, "try") {
			t.Errorf("%s: %v", src, err)
		}
		_, err = p.Within(jq.Bounds{Work: 500}).Run(context.Background(), nil)
		var typed *jq.Error
		if !errors.As(err, &typed) || typed.Kind != jq.TooMuch || !strings.Contains(typed.Message, "more than 500 units") {
			t.Errorf("%s: got %v", src, err)
		}
	}
}
