package process

import (
	"os"
	"runtime"
	"slices"
	"sync"
)

// inherited lists the variables of the server that programs need and that hold
// no secrets.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"SYSTEMROOT", "WINDIR", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "USERNAME",
	"APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
}

// Environment returns the variables that every program gets. The server's other
// variables may be secrets, and are left out.
func Environment() []string { return clean() }

var clean = sync.OnceValue(func() []string {
	var list []string
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	if os.Getenv("LANG") == "" && os.Getenv("LC_ALL") == "" && runtime.GOOS != "windows" {
		list = append(list, "LANG=C.UTF-8")
	}
	if os.Getenv("PATH") == "" && runtime.GOOS != "windows" {
		list = append(list, "PATH=/usr/local/bin:/usr/bin:/bin")
	}
	return slices.Clip(list)
})
