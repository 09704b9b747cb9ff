package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableCursor makes the console understand the sequences that move the cursor,
// and reports whether that worked.
func enableCursor(file *os.File) bool {
	handle := windows.Handle(file.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
