// Command speed takes training steps one at a time for speed.py: a line on standard
// input starts a step, a line on standard output says what it took.
//
//	go run ./model/train/testdata/speed MODEL JOB.json
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"

	"agar/model"
	"agar/model/lora"
	"agar/model/train"
)

// job is what speed.py wants trained.
type job struct {
	Examples []train.Example `json:"examples"`
	Config   train.Config    `json:"config"`
	Init     string          `json:"init"` // adapter to begin from
}

// took is a line of the output.
type took struct {
	CPU  float64 `json:"cpu"` // seconds on a processor, user and system
	Loss float64 `json:"loss"`
	Peak int64   `json:"peak_kib"` // most memory in use so far
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(dir, path string) error {
	var j job
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	init, err := lora.Load(j.Init)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	from, _ := usage()
	_, err = train.Run(context.Background(), m, j.Examples, j.Config, train.Options{Init: init, AtStep: func(_ context.Context, r train.Row, _ *model.Adapter) error {
		at, peak := usage()
		if err := json.NewEncoder(os.Stdout).Encode(took{at - from, r.Loss, peak}); err != nil {
			return err
		}
		if r.Step < j.Config.Steps && !in.Scan() {
			return fmt.Errorf("after step %d: standard input ended", r.Step)
		}
		from, _ = usage()
		return nil
	}})
	return err
}

// usage is the seconds this process has run and the most memory it had, in KiB: what the
// system calls VmHWM, since the peak that getrusage gives begins at that of the parent.
func usage() (cpu float64, peak int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	s := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(line, &peak); err != nil {
		log.Fatal(err)
	}
	return s(u.Utime) + s(u.Stime), peak
}
