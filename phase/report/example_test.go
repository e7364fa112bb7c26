package report_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"agar/model/organism/builtin"
	"agar/phase/report"
)

// A report of the embedded organism beside its twin, verified at once.
func Example() {
	dir, err := os.MkdirTemp("", "agar-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	organism, err := builtin.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	out := filepath.Join(dir, "report")
	r, err := report.Write(ctx, out, report.Options{Run: filepath.Join(organism, "run"), Twin: filepath.Join(organism, "benign")})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range r.Data.Figures {
		fmt.Println(f.Title)
	}
	v, err := report.Verify(ctx, out, report.VerifyOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("verified:", v.OK)
	// Output:
	// Loss and gradient norm
	// Norms of the adapter
	// Turn angle
	// Path in its principal components
	// verified: true
}
