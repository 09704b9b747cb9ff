package process_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is also the program that tests run: see helper_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		os.Exit(helper(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}
