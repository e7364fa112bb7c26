//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// mounts reports that no script may mount a disk: only Linux is known here.
func mounts() bool { return false }

// cmdTinyDisk is for Linux alone.
func cmdTinyDisk(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("tinydisk is for Linux") }
