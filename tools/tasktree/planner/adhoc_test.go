package planner_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

func TestAdhoc(t *testing.T) {
	data, err := os.ReadFile("/tmp/adhoc.txt")
	if err != nil {
		t.Skip()
	}
	reg := registry(t)
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		plan, refused := planner.Make(line, planner.Options{Registry: reg})
		fmt.Println("==", line)
		if refused != nil {
			fmt.Println("   REFUSED", refused)
			continue
		}
		fmt.Println("  ", strings.Join(shapeOf(plan.Parsed), " ; "))
		if os.Getenv("FULL") != "" {
			for _, task := range plan.Tree["tasks"].([]any) {
				m := task.(map[string]any)
				raw, _ := json.Marshal(m["inputs"])
				fmt.Println("    ", m["id"], "|", m["name"], "|", string(raw), m["when"], m["for_each"], m["dependencies"])
			}
		}
		for _, w := range plan.Warnings {
			if !strings.Contains(w, "closed by policy") {
				fmt.Println("     !", w)
			}
		}
	}
}
