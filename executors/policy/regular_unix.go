//go:build unix

package policy

import "syscall"

// openFlags keep open from blocking on a pipe and from taking over a terminal.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY
