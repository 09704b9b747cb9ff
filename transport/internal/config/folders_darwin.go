package config

// configFolder returns the data folder: macOS has one folder for both.
func configFolder(env func(string) string) (string, error) { return dataFolder(env) }

func dataFolder(env func(string) string) (string, error) {
	return under(env("HOME"), "Library", "Application Support", "chainwright")
}
