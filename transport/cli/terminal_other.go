//go:build !windows

package cli

import "os"

// enableCursor reports that every terminal here understands the sequences
// that move the cursor.
func enableCursor(*os.File) bool { return true }
