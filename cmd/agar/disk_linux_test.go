package main

import (
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// mounts reports whether this process may mount a disk.
func mounts() bool {
	dir, err := os.MkdirTemp("", "agar-mount-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4096") == nil && unix.Unmount(dir, 0) == nil
}

// cmdTinyDisk mounts a disk of so many bytes at a new directory until the script
// ends: tinydisk DIR BYTES
func cmdTinyDisk(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, !neg && len(args) == 2, "tinydisk DIR BYTES")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(n)))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, 0)) })
}
