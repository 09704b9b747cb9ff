//go:build race

package executortest

// Slower is how many times less work a test of hostile input does: eight with
// the race detector, which makes such work some ten times slower. The packages
// that use it are tested once more without the detector, and then it is one.
const Slower = 8
