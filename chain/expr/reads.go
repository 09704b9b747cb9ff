package expr

import "slices"

func (r *Reads) task(ref Ref) {
	for i := range r.Tasks {
		if r.Tasks[i].Task == ref.Task {
			r.Tasks[i].StatusOnly = r.Tasks[i].StatusOnly && ref.StatusOnly
			return
		}
	}
	r.Tasks = append(r.Tasks, ref)
}

func (r *Reads) input(name string, optional bool) {
	list := &r.Inputs
	if optional {
		list = &r.OptionalInputs
	}
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// collector adds up the reads of many expressions, in linear time.
type collector struct {
	reads    Reads
	tasks    map[string]int
	inputs   map[string]bool
	optional map[string]bool
	secrets  map[string]bool
}

func newCollector() *collector {
	return &collector{tasks: map[string]int{}, inputs: map[string]bool{}, optional: map[string]bool{}, secrets: map[string]bool{}}
}

func (c *collector) add(r *Reads) {
	for _, ref := range r.Tasks {
		if i, ok := c.tasks[ref.Task]; ok {
			c.reads.Tasks[i].StatusOnly = c.reads.Tasks[i].StatusOnly && ref.StatusOnly
			continue
		}
		c.tasks[ref.Task] = len(c.reads.Tasks)
		c.reads.Tasks = append(c.reads.Tasks, ref)
	}
	addNew(&c.reads.Inputs, c.inputs, r.Inputs)
	addNew(&c.reads.OptionalInputs, c.optional, r.OptionalInputs)
	c.reads.Item = c.reads.Item || r.Item
	c.reads.Index = c.reads.Index || r.Index
}

func addNew(list *[]string, seen map[string]bool, names []string) {
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			*list = append(*list, name)
		}
	}
}
