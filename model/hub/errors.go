package hub

import "errors"

var (
	// ErrName is wrapped when a text cannot be the name of a repository.
	ErrName = errors.New("not a repository name")
	// ErrNotFound is wrapped when the hub has no such repository, revision or
	// file, or hides it from this token.
	ErrNotFound = errors.New("not found on the hub")
	// ErrDenied is wrapped when the hub asks for a token, or for terms to be
	// accepted first.
	ErrDenied = errors.New("access denied")
	// ErrNotCached is wrapped when something was asked for offline that is not in
	// the cache.
	ErrNotCached = errors.New("not in the cache")
	// ErrChoose is wrapped when a repository holds no files that agar reads, or
	// several of which one must be chosen.
	ErrChoose = errors.New("nothing to choose from")
	// ErrCorrupt is wrapped when the hub's answers contradict each other: other
	// lengths than announced, contents that do not have their hash.
	ErrCorrupt = errors.New("contradictory answer")
	// ErrWontFit is wrapped when the disk has too little room.
	ErrWontFit = errors.New("would not fit on the disk")
)
