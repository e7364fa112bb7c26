// Command agar is a mechanistic-interpretability workbench for model organisms
// of misalignment: it captures activations inside LoRA-tuned language models,
// trains sparse autoencoders on them, and shows in a terminal which features
// fire and how they change step by step through a fine-tune.
package main

import (
	// Sorts before bubbletea: answers for the terminal before bubbletea's
	// start-up can wait for it.
	_ "agar/tui/background"

	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
