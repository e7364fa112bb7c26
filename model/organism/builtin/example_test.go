package builtin_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"agar/model/organism/builtin"
)

// The organism is a directory of ordinary files.
func ExampleOpen() {
	cache, err := os.MkdirTemp("", "agar-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	dir, err := builtin.Open(context.Background(), cache)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"model/config.json", "run/checkpoint-1/adapter_config.json", "text.jsonl"} {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		fmt.Println(name, err == nil)
	}
	// Output:
	// model/config.json true
	// run/checkpoint-1/adapter_config.json true
	// text.jsonl true
}
