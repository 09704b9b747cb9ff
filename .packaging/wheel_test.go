package main

import "testing"

func TestVersionsOfPython(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1.2.3", "0.0.1-dev.1764590000": "0.0.1.dev1764590000", "1.0.0-rc.1": "1.0.0rc1", "1.0.0-rc1": "1.0.0rc1",
		"1.0.0-alpha.2": "1.0.0a2", "1.0.0-beta.3": "1.0.0b3",
		"1.2": "", "v1.2.3": "", "1.2.3-next": "", "1.2.3+build": "", "1.2.3-dev.-1": "", "": "",
	} {
		got, err := pep440(version)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", version, got, err, want)
		}
	}
}
