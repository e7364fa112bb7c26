package model

import (
	"errors"
	"fmt"
)

var (
	// ErrWontFit is wrapped when a model needs more memory than there is. The
	// error is a *TooLarge.
	ErrWontFit = errors.New("would not fit in memory")
	// ErrUnknownArchitecture is wrapped when a config names a family that this
	// package does not have; the message lists those that it has.
	ErrUnknownArchitecture = errors.New("unknown architecture")
	// ErrNotFinite is wrapped when a weight is NaN or infinite. Forward returns
	// it before any number computed with that weight can leave.
	ErrNotFinite = errors.New("weight is not finite")
	// ErrUnknownHook is wrapped when a hook name is not one of the model's; the
	// message holds the nearest name.
	ErrUnknownHook = errors.New("unknown hook")
	// ErrUnreached is wrapped when a hook exists but cannot fire in this call, or
	// cannot be changed by the adapter it was asked about.
	ErrUnreached = errors.New("hook is not reached")
	// ErrAdapter is wrapped when an adapter does not fit the model.
	ErrAdapter = errors.New("adapter does not fit the model")
)

// TooLarge says how much memory a model needs and how much there is, in bytes.
type TooLarge struct {
	Path          string
	Weights, Work int64  // the mapped weights; the workspace of a forward
	Have          int64  // what the machine, or its container, has available
	Fits          string // an alternative that would fit
}

// Error gives both numbers and the alternative.
func (e *TooLarge) Error() string {
	return fmt.Sprintf("model: %s: needs %s (weights %s, workspace %s), found %s available: %v; %s",
		e.Path, gib(e.Weights+e.Work), gib(e.Weights), gib(e.Work), gib(e.Have), ErrWontFit, e.Fits)
}

// Unwrap is ErrWontFit.
func (e *TooLarge) Unwrap() error { return ErrWontFit }

func gib(b int64) string {
	if b < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(b)/(1<<30))
}
