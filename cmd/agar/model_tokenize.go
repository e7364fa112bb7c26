package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agar/model/gguf"
	"agar/model/tokenizer"
)

type tokenizeOptions struct {
	file      string
	noSpecial bool
}

// tokenizedLine is what `agar model tokenize` prints for a line of text.
type tokenizedLine struct {
	IDs     []int32  `json:"ids"`
	Offsets [][2]int `json:"offsets"`
}

func newModelTokenize() *cobra.Command {
	var o tokenizeOptions
	c := &cobra.Command{
		Use:   "tokenize MODEL --text-file FILE",
		Short: "token ids and byte offsets of each line of a text, as JSON lines",
		Long: `Prints one object a line of FILE: the ids as the tokenizer's post-processor
makes them and the byte range of each token in the line. Lines end at \n only.
Needs no weights: MODEL may be a directory with a tokenizer.json, that file, or
a GGUF file.`,
		Example: "  agar model tokenize SmolLM2-135M-Instruct --text-file lines.txt --no-special",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return runTokenize(c, args[0], o) },
	}
	c.Flags().StringVar(&o.file, "text-file", "", "text `FILE`, - for standard input")
	c.Flags().BoolVar(&o.noSpecial, "no-special", false, "leave out the special tokens that the post-processor adds")
	c.Flags().Bool("json", true, "print JSON lines (the only form)")
	return c
}

func runTokenize(c *cobra.Command, name string, o tokenizeOptions) error {
	if o.file == "" {
		return usagef("agar model tokenize: --text-file is needed; see 'agar model tokenize --help'")
	}
	path, err := findModel(name)
	if err != nil {
		return err
	}
	tok, err := openTokenizer(path)
	if err != nil {
		return refused(err)
	}
	in, closeIn, err := openInput(c, o.file)
	if err != nil {
		return refused(err)
	}
	defer closeIn()
	out := bufio.NewWriter(c.OutOrStdout())
	defer out.Flush()
	return eachLine(c, in, func(line string) error {
		e, err := tok.Encode(line, !o.noSpecial)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(tokenizedLine{nonNil(e.IDs), nonNil(e.Offsets)})
	})
}

// openTokenizer finds the tokenizer of a model directory, file or GGUF.
func openTokenizer(path string) (*tokenizer.Tokenizer, error) {
	if !strings.HasSuffix(strings.ToLower(path), ".gguf") {
		return tokenizer.Open(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Tokenizer()
}

// openInput opens a file, or standard input for "-".
func openInput(c *cobra.Command, path string) (io.Reader, func(), error) {
	if path == "-" {
		return c.InOrStdin(), func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// eachLine calls f with each line of r, without its \n; a last line without \n
// counts, an empty remainder after the last \n does not.
func eachLine(c *cobra.Command, r io.Reader, f func(string) error) error {
	br := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := br.ReadString('\n')
		if line != "" {
			if err := f(strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("line %d: %w", n, err)
		case c.Context().Err() != nil:
			return c.Context().Err()
		}
	}
}

// nonNil keeps an empty list from printing as null.
func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
