package cli

import (
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/tools"
)

type validateCmd struct {
	File string
	JSON bool
}

func (c *validateCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "A task tree in JSON or YAML, or the name of a saved one; - for stdin.").offering(treesAndFiles),
		flag("json", &c.JSON, "", "Print the report as JSON."),
	}
}

// verdict is the result of validate_task_tree.
type verdict struct {
	Valid    bool            `json:"valid"`
	Problems []chain.Problem `json:"problems"`
	Warnings []chain.Problem `json:"warnings"`
	Count    int             `json:"problem_count"`
	Schedule *struct {
		Cron     string      `json:"cron"`
		Timezone string      `json:"timezone"`
		Next     []time.Time `json:"next"`
	} `json:"schedule"`
}

// Run checks a tree. A tree with problems is wrong input: exit code 2.
func (c *validateCmd) Run(s *session) error {
	key, tree, err := s.treeArgument(c.File)
	if err != nil {
		return err
	}
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	return finishing(s, p, c.validate(s, p, map[string]any{key: tree}))
}

func (c *validateCmd) validate(s *session, p *program, arguments map[string]any) error {
	res, err := s.use(p, tools.ValidateTaskTree, arguments)
	if err != nil {
		return err
	}
	if res.IsError() {
		return refusal(res.Err)
	}
	var v verdict
	if err := decode(res, &v); err != nil {
		return err
	}
	if c.JSON {
		err = s.printJSON(res.Result)
	} else {
		v.tell(s, c.File)
	}
	if err == nil && !v.Valid {
		return quiet(exitUsage)
	}
	return err
}

// tell prints the verdict as text.
func (v *verdict) tell(s *session, name string) {
	if v.Valid {
		fmt.Fprintf(s.out, "%s is valid\n", name)
	} else {
		fmt.Fprintf(s.out, "%s is not valid: %s\n", name, plural(max(v.Count, len(v.Problems)), "problem"))
	}
	list := func(kind string, problems []chain.Problem) {
		for _, problem := range problems {
			fmt.Fprintf(s.out, "\n%s", kind)
			if problem.Path != "" {
				fmt.Fprintf(s.out, " at %s", problem.Path)
			}
			fmt.Fprintf(s.out, ": %s\n", problem.Message)
			if problem.Line > 0 {
				fmt.Fprintf(s.out, "  %s:%d:%d\n%s\n", shownName(name), problem.Line, problem.Column, problem.Excerpt())
			}
			if problem.Hint != "" {
				fmt.Fprintf(s.out, "  hint: %s\n", atTerminal(problem.Hint))
			}
		}
	}
	list("problem", v.Problems)
	if more := v.Count - len(v.Problems); more > 0 {
		fmt.Fprintf(s.out, "\n… and %s\n", plural(more, "more problem"))
	}
	list("warning", v.Warnings)
	if v.Schedule == nil {
		return
	}
	fmt.Fprintf(s.out, "\nschedule: %s in %s; as a saved tree that is enabled it would run at\n", v.Schedule.Cron, v.Schedule.Timezone)
	for _, at := range v.Schedule.Next {
		fmt.Fprintf(s.out, "  %s\n", at.Format("Mon 2006-01-02 15:04 -07:00"))
	}
}
