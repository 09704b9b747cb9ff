package graph

import "fmt"

// node returns the node of a unit.
func (w *work) node(i int) Node {
	u, v := &w.units[i], &w.vertices[i]
	head := &w.tasks[u.head]
	n := Node{
		ID: head.ID, Name: head.Name, Executor: head.Executor, Handler: u.handler, Layer: int(u.layer),
		X: left(u.layer), Y: v.y - nodeHeight/2, W: nodeWidth, H: nodeHeight, tasks: u.tasks,
		ForEach: head.ForEach, When: head.When, Approval: head.Approval,
	}
	if p := head.Parent; p >= 0 && p < len(w.tasks) && w.unitOf[p] != int32(i) {
		n.Parent = w.tasks[w.units[w.unitOf[p]].head].ID
	}
	if len(u.tasks) == 1 {
		return n
	}
	n.Count = len(u.tasks)
	if n.merged = !u.closed; n.merged {
		n.Name = fmt.Sprintf("%d tasks", n.Count)
	}
	for _, task := range u.tasks {
		t := &w.tasks[task]
		n.Tasks = append(n.Tasks, t.ID)
		n.ForEach, n.When = n.ForEach && t.ForEach, n.When && t.When
		n.Approval = n.Approval || t.Approval
		if n.merged && t.Executor != head.Executor {
			n.Executor = ""
		}
	}
	return n
}
