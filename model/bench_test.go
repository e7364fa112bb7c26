package model

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// benchModel is the first HF directory of AGAR_MODELS.
func benchModel(b *testing.B) *Model {
	for _, path := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if _, err := os.Stat(filepath.Join(path, configFile)); err == nil {
			return open(b, path)
		}
	}
	b.Skip("AGAR_MODELS is not set")
	return nil
}

// batch is n sequences of so many pseudo-random tokens.
func batch(m *Model, n, length int) [][]int32 {
	seqs := make([][]int32, n)
	x := uint32(1)
	for i := range seqs {
		for range length {
			x = x*1664525 + 1013904223
			seqs[i] = append(seqs[i], int32(x>>8)%int32(m.Spec.Vocab))
		}
	}
	return seqs
}

func benchForward(b *testing.B, m *Model, r Request) {
	if _, err := m.Forward(context.Background(), &r); err != nil {
		b.Fatal(err)
	}
	rows := 0
	for _, s := range r.Seqs {
		rows += len(s)
	}
	cpu := cpuSeconds()
	for b.Loop() {
		if _, err := m.Forward(context.Background(), &r); err != nil {
			b.Fatal(err)
		}
	}
	reportTokens(b, rows, cpu)
}

// reportTokens reports rates by wall and, where the system tells, by on-CPU time
// since cpu, which another job on the machine does not distort.
func reportTokens(b *testing.B, perLoop int, cpu float64) {
	n := float64(perLoop * b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "tok/s")
	if used := cpuSeconds() - cpu; used > 0 {
		b.ReportMetric(n/used, "tok/s-cpu")
	}
}

func BenchmarkPrefill8x128Layer15(b *testing.B) {
	m := benchModel(b)
	benchForward(b, m, Request{Seqs: batch(m, 8, 128), Reads: []string{"blocks.15.hook_resid_post"}})
}

func BenchmarkPrefill8x128(b *testing.B) {
	m := benchModel(b)
	benchForward(b, m, Request{Seqs: batch(m, 8, 128)})
}

func BenchmarkPrefill8x128Logits(b *testing.B) {
	m := benchModel(b)
	benchForward(b, m, Request{Seqs: batch(m, 8, 128), OnLogits: func([]float32, Rows) error { return nil }})
}

func BenchmarkPrefill1x512(b *testing.B) {
	m := benchModel(b)
	benchForward(b, m, Request{Seqs: batch(m, 1, 512)})
}

func BenchmarkPrefill1x2048(b *testing.B) {
	m := benchModel(b)
	benchForward(b, m, Request{Seqs: batch(m, 1, 2048)})
}

// BenchmarkDecode draws 32 tokens after a prompt of 32, the prompt included.
func BenchmarkDecode(b *testing.B) {
	m := benchModel(b)
	prompts := batch(m, 1, 32)
	cpu := cpuSeconds()
	for b.Loop() {
		if _, err := m.Generate(context.Background(), prompts, GenerateOptions{MaxTokens: 32, IgnoreEOS: true}); err != nil {
			b.Fatal(err)
		}
	}
	reportTokens(b, 32, cpu)
}

// BenchmarkDecode8 does the same for 8 different prompts side by side.
func BenchmarkDecode8(b *testing.B) {
	m := benchModel(b)
	prompts := batch(m, 8, 32)
	cpu := cpuSeconds()
	for b.Loop() {
		if _, err := m.Generate(context.Background(), prompts, GenerateOptions{MaxTokens: 32, IgnoreEOS: true}); err != nil {
			b.Fatal(err)
		}
	}
	reportTokens(b, 8*32, cpu)
}

// BenchmarkGenerate32 continues 32 prompts of 16 to 78 tokens by 40 tokens each,
// prompts included; BenchmarkGenerate32OneByOne does the same without batching.
func BenchmarkGenerate32(b *testing.B) { benchGenerate(b, 0) }

func BenchmarkGenerate32OneByOne(b *testing.B) { benchGenerate(b, 1) }

// BenchmarkGenerate32By8 has 8 completions side by side, new ones entering as
// others finish.
func BenchmarkGenerate32By8(b *testing.B) { benchGenerate(b, 8) }

func benchGenerate(b *testing.B, batch int) {
	m := benchModel(b)
	rng := rand.New(rand.NewPCG(1, 1))
	prompts := make([][]int32, 32)
	for i := range prompts {
		prompts[i] = make([]int32, 16+2*i)
		for t := range prompts[i] {
			prompts[i][t] = int32(rng.IntN(m.Spec.Vocab))
		}
	}
	tokens := 0
	cpu := cpuSeconds()
	for b.Loop() {
		tokens = 0
		_, err := m.Generate(context.Background(), prompts, GenerateOptions{MaxTokens: 40, IgnoreEOS: true, Batch: batch, OnToken: func(int, *Completion) { tokens++ }})
		if err != nil {
			b.Fatal(err)
		}
	}
	reportTokens(b, tokens, cpu)
}
