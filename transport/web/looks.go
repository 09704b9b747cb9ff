package web

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// looksModule is the module that tells the page how states look. It is made of
// what pictures and terminals are drawn with.
const looksModule = "page/looks.js"

func makeLooks() string {
	var b strings.Builder
	b.WriteString("// Made from chain/graph/looks.go.\nexport const looks = {\n")
	for _, look := range graph.Looks() {
		fmt.Fprintf(&b, "  %s: %s,\n", look.State, plainjson.Must(struct {
			Mark  string `json:"mark"`
			Word  string `json:"word"`
			Ended bool   `json:"ended"`
		}{look.Mark, look.Word, look.State.Ended()}))
	}
	b.WriteString("};\n")
	return b.String()
}

// withLooks puts the colours of the states where the style of the page has their
// places.
func withLooks(css string) string {
	var light, dark, classes strings.Builder
	for _, look := range graph.Looks() {
		fmt.Fprintf(&light, "--%s: %s; --%s-soft: %s; ", look.State, look.Light.Line, look.State, look.Light.Fill)
		fmt.Fprintf(&dark, "--%s: %s; --%s-soft: %s; ", look.State, look.Dark.Line, look.State, look.Dark.Fill)
		fmt.Fprintf(&classes, ".s-%s { --s: var(--%s); --soft: var(--%s-soft); }\n", look.State, look.State, look.State)
	}
	return strings.NewReplacer("/* states: light */", light.String(), "/* states: dark */", dark.String(), "/* states: classes */\n", classes.String()).Replace(css)
}
