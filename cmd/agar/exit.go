package main

import (
	"context"
	"errors"
	"fmt"

	"agar/activations"
	"agar/activations/job"
	"agar/model"
)

// Exit codes of every command, a contract that scripts rely on.
const (
	exitDone        = 0   // done
	exitFailed      = 1   // failed
	exitUsage       = 2   // the command line is wrong
	exitRefused     = 3   // an input was refused
	exitWontFit     = 4   // the job would not fit in memory or on disk
	exitPartial     = 5   // finished with missing parts
	exitInterrupted = 130 // interrupted, resumable
)

// codedError carries the exit code that its cause asks for.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// withCode marks err with an exit code; an error that has one keeps it, and so
// does an interruption.
func withCode(code int, err error) error {
	var c *codedError
	if err == nil || errors.As(err, &c) || errors.Is(err, context.Canceled) {
		return err
	}
	return &codedError{code, err}
}

// refused marks err as an input that agar does not take.
func refused(err error) error { return withCode(exitRefused, err) }

// usagef is a wrong command line.
func usagef(format string, a ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, a...)}
}

// exitCode is the exit code for err.
func exitCode(err error) int {
	var c *codedError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case wontFit(err):
		return exitWontFit
	case errors.As(err, &c):
		return c.code
	case isRefusal(err):
		return exitRefused
	}
	return exitFailed
}

// isRefusal says whether err is about what the user gave, wherever it was found:
// a large model is looked through for NaN only as it runs.
func isRefusal(err error) bool {
	for _, target := range []error{
		model.ErrNotFinite, model.ErrUnknownHook, model.ErrUnreached, model.ErrAdapter, model.ErrUnknownArchitecture, activations.ErrNoDocuments, activations.ErrOtherCapture,
		activations.ErrOtherCapture, job.ErrNotEmpty,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var in *inputError
	return errors.As(err, &in)
}
