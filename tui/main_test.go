package tui

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// childVar makes the test program behave as the terminal program, for tests that
// look at it from outside.
const childVar = "AGAR_TUI_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		if err := Run(context.Background(), Options{}); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	// teatest itself leaves the goroutine of its signal handler behind.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/charmbracelet/x/exp/teatest.NewTestModel.func2"),
		goleak.Cleanup(func(code int) {
			if builtAgar != "" {
				os.RemoveAll(filepath.Dir(builtAgar))
			}
			os.Exit(code)
		}))
}
