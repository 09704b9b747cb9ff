package parse

import (
	"path"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

// writer is the executor that writes files of this machine.
const writer = "file_writer"

// write is a task that writes a file with a literal path.
type write struct {
	task int
	mode string // create, overwrite or append
}

// checkFiles warns of tasks that write the same file with no order between them,
// and of a for_each that creates one file more than once.
func (p *parser) checkFiles() {
	files := map[string][]write{}
	var paths []string
	for i := range p.tree.Tasks {
		t := &p.tree.Tasks[i]
		if t.Definition == nil || t.Definition.ID != writer {
			continue
		}
		known := t.Inputs.Known()
		file, ok := known["file_path"].(string)
		mode, literal := known["mode"].(string)
		if known["mode"] == nil {
			mode, literal = t.Definition.Input.Default("mode").(string)
		}
		if !ok || !literal {
			continue
		}
		if mode == "create" && t.ForEach != nil {
			if list, static := t.ForEach.Static(); !static || len(asList(list)) > 1 {
				p.warn(i, "inputs.file_path", chain.CodeSameFile, "put ${{ index }} or a part of ${{ item }} into the name", "each element creates %q, and the second one fails because it exists", file)
			}
		}
		file = clean(file)
		if files[file] == nil {
			paths = append(paths, file)
		}
		files[file] = append(files[file], write{i, mode})
	}
	budget := 1_000_000 // dependencies to follow
	for _, file := range paths {
		p.sameFile(files[file], &budget)
	}
}

// clean returns one spelling of a path, with the name of its folder before a
// colon.
func clean(file string) string {
	root, rest, named := strings.Cut(file, ":")
	if !named {
		return path.Clean(file)
	}
	return root + ":" + path.Clean(rest)
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// sameFile warns of each task that writes a file which an earlier task in the
// list writes too, if neither waits for the other.
func (p *parser) sameFile(list []write, budget *int) {
	const most = 100
	if len(list) < 2 {
		return
	}
	list = list[:min(len(list), most)]
	before := make([]map[int]bool, len(list))
	for k, w := range list {
		if before[k] = p.before(w.task, budget); *budget <= 0 {
			return
		}
	}
	for k, w := range list {
		other := 0
		for other < k && (!p.clash(list[other], w) || before[k][list[other].task] || before[other][w.task]) {
			other++
		}
		if other == k {
			continue
		}
		first := list[other]
		how := "which of the two stays is not decided"
		if w.mode == "create" || first.mode == "create" {
			how = "the one that comes second fails because the file exists"
			if w.mode != first.mode {
				how = "the one that creates it fails if the other comes first"
			}
		}
		p.warn(w.task, "inputs.file_path", chain.CodeSameFile, "use another name, or add a dependency",
			"%s writes the same file, and neither task waits for the other: %s", p.tree.Tasks[first.task].ID, how)
	}
}

// clash reports whether the order of two writes matters and is not decided. Two
// conditions may exclude each other. Lists run one after the other.
func (p *parser) clash(a, b write) bool {
	tasks := p.tree.Tasks
	return p.together(a.task, b.task) && (a.mode != "append" || b.mode != "append") && (tasks[a.task].When == nil || tasks[b.task].When == nil)
}

// before returns the tasks that a task waits for, also through others.
func (p *parser) before(task int, budget *int) map[int]bool {
	seen := map[int]bool{}
	queue := []int{task}
	for len(queue) > 0 && *budget > 0 {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, d := range p.tree.Tasks[i].Dependencies {
			*budget--
			if !seen[d.Task] {
				seen[d.Task] = true
				queue = append(queue, d.Task)
			}
		}
	}
	return seen
}
