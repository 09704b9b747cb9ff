//go:build ignore

// Report reads the events of `go test -json`. It prints each package when it
// ends, the output of failed tests, and at the end the slowest packages and every
// skipped test with its reason.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

type test struct{ pkg, name string }

type timed struct {
	pkg     string
	seconds float64
}

// slowest is how many packages the summary lists as the slowest.
const slowest = 10

func main() {
	outputs := map[test][]string{}
	builds := map[string][]string{}
	var skipped []string
	var ended []timed
	passed, failed, packages := 0, 0, 0
	start := time.Now()
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Print(line)
				continue
			}
			key := test{e.Package, e.Test}
			switch e.Action {
			case "output":
				outputs[key] = append(outputs[key], e.Output)
			case "build-output":
				builds[e.ImportPath] = append(builds[e.ImportPath], e.Output)
			case "pass":
				if e.Test == "" {
					packages++
					ended = append(ended, timed{short(e.Package), e.Elapsed})
					fmt.Printf("ok    %-60s %6.1fs\n", short(e.Package), e.Elapsed)
				} else {
					passed++
				}
				delete(outputs, key)
			case "skip":
				if e.Test != "" {
					skipped = append(skipped, fmt.Sprintf("%s %s: %s", short(e.Package), e.Test, reason(outputs[key])))
				}
				delete(outputs, key)
			case "fail":
				failed++
				fmt.Printf("FAIL  %s %s\n%s%s", short(e.Package), e.Test, strings.Join(builds[e.FailedBuild], ""), strings.Join(outputs[key], ""))
				delete(outputs, key)
				if e.Test == "" { // what a test printed that did not end: a time-out is found there
					for each, output := range outputs {
						if each.pkg == e.Package {
							fmt.Printf("did not end: %s\n%s", each.name, strings.Join(output, ""))
							delete(outputs, each)
						}
					}
				}
			}
		}
		if err != nil {
			break
		}
	}
	fmt.Printf("\n%d tests passed in %d packages, %d failures, %d skipped, %s\n",
		passed, packages, failed, len(skipped), time.Since(start).Round(time.Second))
	slices.SortFunc(ended, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	fmt.Println("slowest:")
	for _, each := range ended[:min(slowest, len(ended))] {
		fmt.Printf("  %-60s %6.1fs\n", each.pkg, each.seconds)
	}
	if len(skipped) > 0 {
		fmt.Println("skipped:")
	}
	for _, line := range skipped {
		fmt.Println("  " + line)
	}
	if failed > 0 || packages == 0 {
		os.Exit(1)
	}
}

func short(pkg string) string {
	return strings.TrimPrefix(strings.TrimPrefix(pkg, "github.com/chainwright/chainwright"), "/")
}

// reason returns the message of a skipped test.
func reason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") || line == "" {
			continue
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok = strings.Cut(text, ": "); ok {
				return text
			}
		}
		return line
	}
	return "no reason given"
}
