package model

import (
	"context"
	"testing"
)

// sweepForks are 100 prompts of 12 to 21 tokens with two answers of 6 to 11 each.
func sweepForks(m *Model) []Fork {
	ids := batch(m, 100, 50)
	out := make([]Fork, len(ids))
	for i, x := range ids {
		p, a := 12+i%10, 6+i*7%6
		out[i] = Fork{x[:p], [][]int32{x[p : p+a], x[p+a : p+2*a]}}
	}
	return out
}

// BenchmarkSweep20x100 compares 100 pairs of answers at 20 checkpoints of an adapter
// on the down-projection of block 20 of 30 with what a sweep costs at least: plain
// forwards of the same tokens through the blocks below once and the rest 20 times,
// taken in turn with it, every fifth time, and by on-CPU time. sweep/bound is that
// ratio; whole/sweep is how much 20 forwards of all sequences through all blocks would
// take.
func BenchmarkSweep20x100(b *testing.B) {
	m := benchModel(b)
	const checkpoints = 20
	first, ctx := m.Spec.Layers*2/3, context.Background()
	forks := sweepForks(m)
	f, err := m.NewForks(ctx, forks, first)
	if err != nil {
		b.Fatal(err)
	}
	var sweep, prefix, suffix, whole float64
	timed := func(sum *float64, do func()) {
		t := cpuSeconds()
		do()
		*sum += cpuSeconds() - t
	}
	for b.Loop() {
		var resid [2][]float32
		timed(&sweep, func() { f, err = m.NewForks(ctx, forks, first) })
		timed(&prefix, func() { resid = plainPrefix(b, m, f) })
		for i := range checkpoints {
			timed(&sweep, func() { _, err = f.LogProbs(ctx, nil, 0) })
			if i%5 == 2 {
				timed(&suffix, func() { plainSuffix(b, m, f, resid) })
			}
			if i == 0 {
				timed(&whole, func() { plainWhole(b, m, forks) })
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N)
	b.ReportMetric(sweep/n, "sweep-s")
	b.ReportMetric(sweep/(prefix+5*suffix), "sweep/bound")
	b.ReportMetric(whole*checkpoints/sweep, "whole/sweep")
}

// rowsFed are the sequences that a pass of Forks feeds: prompts, and answers less
// their last token.
func rowsFed(f *Forks) (prompts, rests [][]int32) {
	for _, c := range f.chunks {
		prompts, rests = append(prompts, c.prompts...), append(rests, c.rests...)
	}
	return prompts, rests
}

func plainPrefix(b *testing.B, m *Model, f *Forks) (resid [2][]float32) {
	for i, seqs := range bothOf(rowsFed(f)) {
		r, err := m.Forward(context.Background(), &Request{Seqs: seqs, To: f.first})
		if err != nil {
			b.Fatal(err)
		}
		resid[i] = r.Resid
	}
	return resid
}

func bothOf(a, b [][]int32) [2][][]int32 { return [2][][]int32{a, b} }

// plainSuffix takes the residuals through the rest, with logits of the prompts' last
// rows and of all rows of the answers.
func plainSuffix(b *testing.B, m *Model, f *Forks, resid [2][]float32) {
	for i, seqs := range bothOf(rowsFed(f)) {
		r := &Request{Seqs: seqs, Resid: resid[i], From: f.first, Logits: LastLogits}
		if i == 1 {
			r.Logits, r.OnLogits = NoLogits, func(logits []float32, rows Rows) error {
				CrossEntropy(logits, m.Spec.Vocab, rows.Pos)
				return nil
			}
		}
		if _, err := m.Forward(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// plainWhole is what comparing pairs costs without sharing anything.
func plainWhole(b *testing.B, m *Model, forks []Fork) {
	var seqs [][]int32
	for _, x := range forks {
		for _, br := range x.Branches {
			seqs = append(seqs, append(append([]int32{}, x.Prompt...), br...))
		}
	}
	if _, err := m.Loss(context.Background(), &Request{Seqs: seqs}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAnswers400 draws 400 answers of 100 tokens, 50 to each of 8 questions, as
// one continuous batch, and a few one by one. batch/single is the ratio of their
// tokens a second of on-CPU time.
func BenchmarkAnswers400(b *testing.B) {
	m := benchModel(b)
	prompts := batch(m, 8, 40)
	for i := range prompts {
		prompts[i] = prompts[i][:25+2*i]
	}
	o := GenerateOptions{Samples: 50, MaxTokens: 100, Temperature: 1, IgnoreEOS: true}
	one := o
	one.Samples, one.Batch = 1, 1
	var many, single float64
	for b.Loop() {
		for i := range 2 {
			t := cpuSeconds()
			generateOK(b, m, prompts[4*i:4*i+1], one)
			single += cpuSeconds() - t
		}
		t := cpuSeconds()
		generateOK(b, m, prompts, o)
		many += cpuSeconds() - t
	}
	n := float64(b.N)
	b.ReportMetric(40000*n/many, "batch-tok/s-cpu")
	b.ReportMetric(200*n/single, "single-tok/s-cpu")
	b.ReportMetric(40000/many/(200/single), "batch/single")
}
