package blob

import "golang.org/x/sys/windows"

func diskFree(path string) (int64, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// syncDir does nothing: directories cannot be flushed on Windows, and a rename
// there is journalled.
func syncDir(string) error { return nil }
