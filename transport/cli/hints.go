package cli

import "strings"

// terms replace the names that assistants use in the hints of tools with the
// commands that a person types. Longer names come first.
var terms = strings.NewReplacer(
	`give them with the run: {"inputs": {…}}`, `give them with --inputs '{…}'`,
	"name the tasks to run again", "name the tasks to run again: --from TASK",
	"open OPENAI_API_KEY,", "set one of OPENAI_API_KEY,",
	"list_runs", "chainwright runs",
	"get_run", "chainwright runs",
	"cancel_run", "chainwright cancel",
	"retry_run with run_id", "chainwright retry",
	"retry_run", "chainwright retry",
	"run_task_tree", "chainwright run",
	"validate_task_tree", "chainwright validate",
	"find_executor", "chainwright executors",
	"the executors command", "chainwright executors",
)

// atTerminal returns a tool's hint with the names of commands.
func atTerminal(hint string) string { return terms.Replace(hint) }
