package config

// configFolder is where macOS keeps what a program needs; it is the data
// folder too.
func configFolder(env func(string) string) (string, error) { return dataFolder(env) }

func dataFolder(env func(string) string) (string, error) {
	return under(env("HOME"), "Library", "Application Support", "chainwright")
}
