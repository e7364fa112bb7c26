package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// outDirectory refuses a directory to write that cannot become one, before any
// work is done for it: a file is there, or on the way.
func outDirectory(flag, path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return refused(fmt.Errorf("%s %s: found a file, expected a directory or nothing", flag, path))
	case err == nil:
		return nil
	}
	return onTheWay(flag, path, err)
}

// outFile refuses a file to write where a directory is, or a file on the way. An
// empty path is the command's default.
func outFile(flag, path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return refused(fmt.Errorf("%s %s: found a directory, expected the name of a file", flag, path))
	case err == nil:
		return nil
	}
	return onTheWay(flag, path, err)
}

// onTheWay looks for what lies where a directory above path would have to be. why
// is how the look at path failed.
func onTheWay(flag, path string, why error) error {
	if !errors.Is(why, fs.ErrNotExist) && !errors.Is(why, syscall.ENOTDIR) {
		return nil // the attempt to write says more
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return refused(fmt.Errorf("%s %s: found the file %s on the way, expected a directory", flag, path, dir))
		case err == nil || dir == filepath.Dir(dir):
			return nil
		}
	}
}
