//go:build unix

package policy

import "io/fs"

func foldProgramName(base string) string { return base }

func isProgram(_ string, info fs.FileInfo) bool { return info.Mode().Perm()&0o111 != 0 }

func systemShell() (path, option string) { return "/bin/sh", "-c" }
