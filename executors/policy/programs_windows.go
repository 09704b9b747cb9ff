package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func foldProgramName(base string) string {
	return strings.TrimSuffix(strings.ToLower(base), ".exe")
}

// isProgram accepts .exe and .com files only. Batch files are run by cmd.exe, which
// can interpret their arguments as commands.
func isProgram(path string, _ fs.FileInfo) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".exe" || ext == ".com"
}

func systemShell() (path, option string) {
	root := os.Getenv("SystemRoot")
	if root == "" {
		root = `C:\Windows`
	}
	return filepath.Join(root, "System32", "cmd.exe"), "/c"
}
