package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// released is set by the build of a release.
var released string

type versionCmd struct{ JSON bool }

func (c *versionCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print JSON.")}
}

// build is what version --json prints. The commit is missing if the program was
// not built in a checkout, for example by go install.
type build struct {
	Version    string     `json:"version"`
	Commit     string     `json:"commit,omitempty"`
	CommitTime *time.Time `json:"commit_time,omitempty"` // the time of the build would differ between equal builds
	Modified   bool       `json:"modified,omitempty"`    // the checkout had changes that were not committed
	Go         string     `json:"go"`
	Platform   string     `json:"platform"`
	OS         string     `json:"os"`
	Arch       string     `json:"arch"`
}

// Run prints the version, the version of Go and the platform.
func (c *versionCmd) Run(s *session) error {
	if c.JSON {
		return s.printJSON(buildOf(debug.ReadBuildInfo()))
	}
	_, err := fmt.Fprintf(s.out, "chainwright %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildOf describes this build. It takes the results of debug.ReadBuildInfo.
func buildOf(info *debug.BuildInfo, ok bool) build {
	b := build{Version: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, OS: runtime.GOOS, Arch: runtime.GOARCH}
	if !ok {
		return b
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Commit = setting.Value
		case "vcs.time":
			if at, err := time.Parse(time.RFC3339, setting.Value); err == nil {
				b.CommitTime = &at
			}
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

// version returns the version of the release, else of the module, without the
// "v" of tags.
func version() string {
	if released != "" {
		return withoutV(released)
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return withoutV(info.Main.Version)
	}
	return "dev"
}

// withoutV returns 1.2.3 for v1.2.3, and other text unchanged.
func withoutV(tag string) string {
	if rest, ok := strings.CutPrefix(tag, "v"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return rest
	}
	return tag
}
