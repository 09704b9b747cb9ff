package executors

import "testing"

type saysSo struct{ N int }

func (saysSo) Warned() string { return "it says so" }

func TestWarningOf(t *testing.T) {
	t.Parallel()
	type one struct {
		Truncated bool   `json:"truncated,omitempty"`
		Warning   string `json:"warning,omitempty"`
	}
	type several struct {
		Warnings []string `json:"warnings"`
	}
	for _, c := range []struct {
		output any
		want   string
	}{
		{&one{Warning: "a"}, "a"},
		{one{Warning: "a", Truncated: true}, "a"},
		{&one{Truncated: true}, "truncated: there is more than what is kept of it"},
		{&one{}, ""},
		{several{Warnings: []string{"a", "b"}}, "a; b"},
		{several{}, ""},
		{saysSo{}, "it says so"},
		{map[string]any{"warning": "a"}, ""},
		{"warning", ""},
		{struct{ Warning int }{1}, ""},
	} {
		if got := warningOf(c.output); got != c.want {
			t.Errorf("%#v warns %q, want %q", c.output, got, c.want)
		}
	}
}
