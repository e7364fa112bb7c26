package model

import (
	"testing"

	"go.uber.org/goleak"
)

// The clock of regexp2, which the tokenizer uses, stops by itself after a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}
