package portable

import "slices"

// Name returns the name of a field in the file.
func Name(field string) string { return snake(field) }

// Left reports whether a field is left out.
func Left(field string) bool { return slices.Contains(left, field) }
