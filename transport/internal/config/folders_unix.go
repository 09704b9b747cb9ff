//go:build !windows && !darwin

package config

// configFolder follows the XDG base directories.
func configFolder(env func(string) string) (string, error) {
	if base := env("XDG_CONFIG_HOME"); base != "" {
		return under(base, "chainwright")
	}
	return under(env("HOME"), ".config", "chainwright")
}

// dataFolder follows the XDG base directories.
func dataFolder(env func(string) string) (string, error) {
	if base := env("XDG_DATA_HOME"); base != "" {
		return under(base, "chainwright")
	}
	return under(env("HOME"), ".local", "share", "chainwright")
}
