package engine_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		runUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}
