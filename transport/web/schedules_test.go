package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// On an open server nobody enables a schedule, also where set_schedule is published,
// and no agreement to a question helps.
func TestNobodyEnablesOnAnOpenServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, toolstest.WithTools(func(o *tools.Options) {
		o.Schedules, o.Selection.Toolsets = schedule.NewBook(memory.Open(memory.Options{}), nil), []string{"schedules"}
	}))
	for _, action := range []string{"enable", "resume"} {
		a := s.send(http.MethodPost, "/api/tools/set_schedule", map[string]any{"arguments": map[string]string{"tree": "greet", "action": action}, "agreed": "x"})
		if a.status != http.StatusForbidden || !strings.Contains(string(a.body), "may "+action+" a schedule") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
