package nearest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/nearest"
)

func TestTo(t *testing.T) {
	t.Parallel()
	known := []string{"rest_executor", "command_executor", "file_reader", "file_writer", "timeout", "url", "max_bytes", "dependencies"}
	for _, c := range []struct {
		name string
		want []string
	}{
		{"rest_exectuor", []string{"rest_executor"}},
		{"REST_EXECUTOR", []string{"rest_executor"}},
		{"rest", []string{"rest_executor"}},
		{"file", []string{"file_reader", "file_writer"}},
		{"time_out", []string{"timeout"}},
		{"uri", []string{"url"}},
		{"maxBytes", []string{"max_bytes"}},
		{"depends", []string{"dependencies"}},
		{"depends_on", []string{"dependencies"}},
		{"zebra", nil},
		{"", nil},
		{strings.Repeat("u", 1000), nil},
	} {
		if got := nearest.To(c.name, known); !slices.Equal(got, c.want) {
			t.Errorf("To(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func ExampleHint() {
	fmt.Println(nearest.Hint("headres", []string{"url", "method", "headers"}))
	fmt.Printf("%q\n", nearest.Hint("colour", []string{"url", "method", "headers"}))
	// Output:
	// did you mean "headers"?
	// ""
}
