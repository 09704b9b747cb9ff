package cli

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionsHaveNoV(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"v0.1.0": "0.1.0", "0.1.0": "0.1.0", "v0.0.0-20261201120000-abcdef012345+dirty": "0.0.0-20261201120000-abcdef012345+dirty",
		"v": "v", "": "", "vnext": "vnext", "8218bb4-dirty": "8218bb4-dirty",
	} {
		require.Equal(t, want, withoutV(tag))
	}
}

func TestWhatABuildSaysOfItself(t *testing.T) {
	t.Parallel()
	settings := func(pairs ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{}
		for i := 0; i < len(pairs); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
		}
		return info
	}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want map[string]any // besides version, go, platform, os and arch
	}{
		"not a module":  {},
		"no checkout":   {info: settings("GOOS", "linux")},
		"a checkout":    {info: settings("vcs.revision", "abc", "vcs.time", "2026-12-01T10:00:00Z", "vcs.modified", "false"), want: map[string]any{"commit": "abc", "commit_time": "2026-12-01T10:00:00Z"}},
		"with changes":  {info: settings("vcs.revision", "abc", "vcs.modified", "true"), want: map[string]any{"commit": "abc", "modified": true}},
		"no valid time": {info: settings("vcs.time", "yesterday")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal(buildOf(c.info, c.info != nil))
			require.NoError(t, err)
			var got map[string]any
			require.NoError(t, json.Unmarshal(raw, &got))
			want := map[string]any{"version": version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "os": runtime.GOOS, "arch": runtime.GOARCH}
			for key, value := range c.want {
				want[key] = value
			}
			require.Equal(t, want, got)
		})
	}
}
