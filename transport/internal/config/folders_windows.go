package config

// configFolder roams with the user.
func configFolder(env func(string) string) (string, error) {
	return under(env("APPDATA"), "chainwright")
}

// dataFolder stays on the machine: it holds a database.
func dataFolder(env func(string) string) (string, error) {
	return under(env("LOCALAPPDATA"), "chainwright")
}
