package activations

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("ACTIVATIONS_TEST_CAPTURE"); dir != "" {
		captureUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}
