package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// released is set by the build of a release.
var released string

type versionCmd struct{}

// Run prints the version, the version of Go and the platform.
func (versionCmd) Run(s *session) error {
	_, err := fmt.Fprintf(s.out, "chainwright %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the version of the release, else of the module.
func version() string {
	if released != "" {
		return released
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
