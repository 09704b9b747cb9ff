package chain

// Outline is what a picture of a tree shows of a task.
type Outline struct {
	ID, Name, Executor string
	// Handler is the list of handlers that the task is in; empty: none.
	Handler string
	// Parent is the index of the task that this one is grouped under, or -1.
	Parent       int
	Dependencies []Dependency
	// ForEach means that the task runs for each element of an array, When that
	// it has a condition, and Approval that it asks a person.
	ForEach, When, Approval bool
}

// Outline returns the outlines of all tasks, in the order of the tree.
func (t *Tree) Outline() []Outline {
	list := make([]Outline, len(t.Tasks))
	for i := range t.Tasks {
		task := &t.Tasks[i]
		list[i] = Outline{
			ID: task.ID, Name: task.Name, Executor: task.Executor, Handler: task.Handler, Parent: task.Parent,
			Dependencies: task.Dependencies, ForEach: task.ForEach != nil, When: task.When != nil, Approval: task.Approval != nil,
		}
	}
	return list
}
