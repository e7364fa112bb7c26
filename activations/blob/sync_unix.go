//go:build unix

package blob

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes a rename durable. File systems that cannot flush a directory
// (some network ones) say EINVAL; there is nothing more to do on them.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
