//go:build unix

package external_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// alive reports whether a process runs. Zombies count as ended.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
