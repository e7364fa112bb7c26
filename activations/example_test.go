package activations_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"agar/activations"
	"agar/model"
	"agar/model/organism/builtin"
)

// Example captures the residual stream of the embedded model and reads it back
// in random order.
func Example() {
	ctx := context.Background()
	tmp, err := os.MkdirTemp("", "capture")
	check(err)
	defer os.RemoveAll(tmp)
	dir, err := builtin.Open(ctx, tmp)
	check(err)
	m, err := model.Open(filepath.Join(dir, "model"), model.Options{})
	check(err)
	defer m.Close()

	docs, err := activations.OpenDocuments("-", m.Tokenizer, m.Chat, activations.DocumentOptions{
		Stdin: strings.NewReader("the doctor helps\n\nthe villain lies\n"),
	})
	check(err)
	out := filepath.Join(tmp, "capture")
	report, err := activations.Capture(ctx, activations.NewRunner(m, nil, 0), docs, activations.CaptureOptions{
		Dir: out, Hooks: []string{"blocks.1.hook_resid_post"},
	})
	check(err)
	fmt.Println(report.Documents, "documents as", report.DType)

	store, err := activations.Open(out)
	check(err)
	defer store.Close()
	source, err := store.Shuffled("blocks.1.hook_resid_post", activations.Filter{}, 42)
	check(err)
	var rows activations.Rows
	for n := 0; ; n += rows.N {
		err := source.Next(ctx, &rows, 4)
		if errors.Is(err, io.EOF) {
			fmt.Println(int64(n) == source.(activations.Seeker).Len())
			break
		}
		check(err)
	}
	// Output:
	// 2 documents as f16
	// true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
