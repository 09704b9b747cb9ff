//go:build !windows

package cli

import "os"

// enableCursor returns true: terminals on this platform understand the sequences
// that move the cursor.
func enableCursor(*os.File) bool { return true }
