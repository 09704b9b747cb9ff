package graph

// Columns is columns for tests.
var Columns = columns

// Lines returns the lines of a node in diagrams of other programs.
func (p *Picture) Lines(node int) []string { return p.lines(node) }
