//go:build unix && !linux

package process

// waitExit does nothing: there is no portable way to wait for a program's end
// and leave its number taken. What is left of the group is killed after the
// wait instead, while its processes keep the number taken.
func (g *group) waitExit() bool { return false }

// sweep does nothing: other systems don't show a process's environment.
func sweep(string) {}
