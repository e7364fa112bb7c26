package main

import (
	"strings"
	"testing"

	"agar/model/bench"
)

// TestPrintBench: figures stand beside their share of the limit where one is known.
func TestPrintBench(t *testing.T) {
	share := 0.625
	var b strings.Builder
	err := printBench(&b, &bench.Report{
		Machine: bench.Machine{OS: "linux", Arch: "amd64", Cores: 2, Path: "avx512", Training: "amx", FMA: 248.6, Read: 14, TwoCoreGain: 1.9},
		Results: []bench.Result{{Name: "product 1×2·3", Value: 155.375, Unit: "GFLOP/s", Share: &share, Path: "avx512"}, {Name: "norm", Value: 80, Unit: "GB/s", Path: "avx512"}},
	})
	want := `linux/amd64, 2 cores, path avx512, training on amx
one core: 249 GFLOP/s in registers, reads 14.0 GB/s; two cores: 1.90 times one

path    kernel         rate            of limit
avx512  product 1×2·3  155.4  GFLOP/s  62 %
avx512  norm           80.0   GB/s     
`
	if err != nil || b.String() != want {
		t.Errorf("%v, printed\n%s\nexpected\n%s", err, b.String(), want)
	}
}
