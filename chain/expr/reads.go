package expr

import (
	"slices"
)

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

// collector merges the reads of many expressions, in linear time.
type collector struct {
	reads                     Reads
	tasks                     map[string]int // by name: the index in reads.Tasks
	inputs, optional, secrets set
}

func (c *collector) add(r *Reads) {
	for _, ref := range r.Tasks {
		if i, ok := c.tasks[ref.Task]; ok {
			c.reads.Tasks[i].StatusOnly = c.reads.Tasks[i].StatusOnly && ref.StatusOnly
			continue
		}
		if c.tasks == nil {
			c.tasks = map[string]int{}
		}
		c.tasks[ref.Task] = len(c.reads.Tasks)
		c.reads.Tasks = append(c.reads.Tasks, ref)
	}
	c.inputs.add(&c.reads.Inputs, r.Inputs)
	c.optional.add(&c.reads.OptionalInputs, r.OptionalInputs)
	c.reads.Item = c.reads.Item || r.Item
	c.reads.Index = c.reads.Index || r.Index
	c.reads.Run = c.reads.Run || r.Run
}

// set holds the names of a list.
type set map[string]bool

// add adds the names that are not in the list yet.
func (s *set) add(list *[]string, names []string) {
	for _, name := range names {
		if (*s)[name] {
			continue
		}
		if *s == nil {
			*s = set{}
		}
		(*s)[name] = true
		*list = append(*list, name)
	}
}
