package disk_test

import (
	"fmt"

	"agar/model/disk"
)

func ExampleFree() {
	free, err := disk.Free(".")
	fmt.Println(free > 0, err)
	// Output: true <nil>
}
