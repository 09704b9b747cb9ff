//go:build temporal

package temporal_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		workUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}
