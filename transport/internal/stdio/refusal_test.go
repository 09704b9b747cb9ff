package stdio_test

import (
	"fmt"
	"strings"
	"testing"
)

// An unknown name or an invalid request is refused with the code of the
// revision, and not with that of an internal error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const modern = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for name, c := range map[string]struct {
		meta     string
		notFound int
	}{
		"2025-11-25": {"", -32002},
		"2026-07-28": {modern, -32602},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := start(t, "1s")
			if c.meta == "" {
				client.initialize(name)
			}
			for i, asked := range []struct {
				method, params string
				code           int
				says           string
			}{
				{"resources/read", `"uri":"run://x"`, c.notFound, `there is no run "x"; list_runs`},
				{"resources/read", `"uri":"run://x/tasks/y/result"`, c.notFound, `there is no run "x"`},
				{"resources/read", `"uri":"executor://test_ech"`, c.notFound, `there is no executor "test_ech"; did you mean test_echo?`},
				{"resources/read", `"uri":"nothing://x"`, c.notFound, "nothing://x"},
				{"prompts/get", `"name":"plan_task_tree"`, -32602, "requirement is required"},
				{"prompts/get", `"name":"explain_failed_run","arguments":{"run_id":"x"}`, -32602, `there is no run "x"`},
			} {
				id := fmt.Sprint(i)
				client.send(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s%s}}`, id, asked.method, asked.params, c.meta)
				m := client.reply(id)
				if m.Error == nil || m.Error.Code != asked.code || !strings.Contains(m.Error.Message, asked.says) {
					t.Errorf("%s %s gave %s", asked.method, asked.params, m.raw)
				}
			}
		})
	}
}
