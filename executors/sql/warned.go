package sql

import "fmt"

// Warned implements executors.Warner.
func (o *Output) Warned() string {
	if !o.Truncated {
		return ""
	}
	return fmt.Sprintf("there are more rows than the %d that were returned: see max_rows", o.Count)
}
