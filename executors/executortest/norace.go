//go:build !race

package executortest

// Slower is how many times less work a test of hostile input does; see race.go.
const Slower = 1
