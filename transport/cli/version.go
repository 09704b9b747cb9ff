package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// released is set by the build of a release.
var released string

type versionCmd struct{ JSON bool }

func (c *versionCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print JSON.")}
}

// Run prints the version, the version of Go and the platform.
func (c *versionCmd) Run(s *session) error {
	if c.JSON {
		return s.printJSON(map[string]string{"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
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
