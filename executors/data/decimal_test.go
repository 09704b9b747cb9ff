package data

import (
	"encoding/json"
	"strings"
	"testing"
)

// Numbers that would fill the memory when written out are out of range. All forms
// of a number are equal.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1e999999999", "-1e-999999999", "1e99999999999999999999", "1e2001", strings.Repeat("9", 2001), "NaN", "Infinity"} {
		if d, ok := parse(json.Number(text)); ok {
			t.Errorf("%.40s is in range: %v", text, d)
		}
	}
	for want, texts := range map[string][]string{
		"0":        {"0", "-0", "0.000", "0e100", "-0e-100"},
		"-12.5":    {"-12.5", "-12.50", "-125e-1", "-0.125E+2"},
		"1200":     {"1200", "1.2e3", "1200.00"},
		"1.5e300":  {"1.5e300", "15e299"},
		"0.000001": {"0.000001", "1e-6"},
		"1e-7":     {"0.0000001", "1e-7"},
		"1.5e-300": {"1.5e-300"},
	} {
		first := ""
		for _, text := range texts {
			d, ok := parse(json.Number(text))
			if !ok || string(number(d)) != want {
				t.Errorf("%s is written as %s, want %s", text, number(d), want)
			}
			if same := string(canonical(nil, d)); first == "" {
				first = same
			} else if same != first {
				t.Errorf("%s is %s, and %s is %s", text, same, texts[0], first)
			}
		}
	}
}
