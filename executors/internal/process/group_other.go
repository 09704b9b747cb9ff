//go:build unix && !linux

package process

// waitExit does nothing, because there is no portable way to wait for a program
// without reaping it. The rest of the group is killed after the wait; while it
// has processes, the group's id stays taken.
func (g *group) waitExit() bool { return false }
