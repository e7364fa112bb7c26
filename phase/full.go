package phase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
	"agar/model/safetensors"
)

// FullOptions steer AnalyseFull.
type FullOptions struct {
	Options
	Base string // directory of the model that was fine-tuned
	Rank int    // top singular directions of each matrix; 0: 8; negative: none
}

// ErrNotFull is wrapped where checkpoints and base are not the same model.
var ErrNotFull = errors.New("not a fine-tune in full of that base")

// full is a run of whole models opened for analysis.
type full struct {
	FullOptions
	run         string
	steps       []int
	base        *model.Tensors
	checkpoints []*model.Tensors
	names       []string // tensors that all have
	rows, cols  map[string]int
	warnings    []string
	singular    map[string]*Singular // by module
	end         lora.Adapter         // the top singular directions of the last ΔW
	chunk       int                  // bytes of rows of all checkpoints that are held at a time
}

// AnalyseFull reads a series of whole models, checkpoint-N/model.safetensors or its
// shards, against the base they were trained from. Each tensor's ΔW_t = W_t − W_base is
// reduced to the inner products ⟨ΔW_t, ΔW_s⟩, a few rows at a time, from which norms,
// angles, components and events follow as they do for adapters; the last one's top
// singular directions are found by a randomised decomposition. Memory holds one
// tensor, or 64 MiB of rows of all checkpoints, whichever is more.
func AnalyseFull(ctx context.Context, run string, o FullOptions) (rep *Report, err error) {
	rep, _, err = AnalyseFullEnd(ctx, run, o)
	return rep, err
}

// AnalyseFullEnd is AnalyseFull, with the top o.Rank singular directions of every
// matrix's last ΔW as an adapter: B = U·√Σ, A = √Σ·Vᵀ, s = 1.
func AnalyseFullEnd(ctx context.Context, run string, o FullOptions) (rep *Report, end *lora.Adapter, err error) {
	f, state, err := openFull(run, o)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if f.Options, err = f.Options.filled(f.steps); err != nil {
		return nil, nil, err
	}
	paths, err := f.paths(ctx)
	if err != nil {
		return nil, nil, err
	}
	b := f.builder(state, paths)
	if !f.NoHashes {
		for i, c := range f.checkpoints {
			if b.rep.Checkpoints[i].SHA256, err = hashOf(ctx, c.Files()); err != nil {
				return nil, nil, err
			}
		}
	}
	rep = b.build(paths)
	for i := range rep.Modules {
		rep.Modules[i].Singular = f.singular[rep.Modules[i].Name]
	}
	return rep, &f.end, rep.addMeasures()
}

// FullFiles are the files of whole models and of the trainer's state that AnalyseFull
// reads in a run, as paths below it.
func FullFiles(run string) (files []string, err error) {
	steps, _, err := bareRun(run)
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	for _, s := range steps {
		dir := fmt.Sprintf("checkpoint-%d", s)
		t, err := model.OpenTensors(filepath.Join(run, dir))
		if err != nil {
			continue // AnalyseFull leaves it out, with a warning
		}
		for _, f := range t.Files() {
			files = append(files, filepath.Join(dir, filepath.Base(f)))
		}
		if err := t.Close(); err != nil {
			return nil, fmt.Errorf("phase: %w", err)
		}
	}
	return append(files, BareFiles(run)...), nil
}

// openFull opens base and checkpoints and finds the tensors that all have.
func openFull(run string, o FullOptions) (f *full, state *lora.TrainerState, err error) {
	setDefault(&o.Rank, 8)
	f = &full{FullOptions: o, run: run, rows: map[string]int{}, cols: map[string]int{}, singular: map[string]*Singular{}, chunk: chunkBytes}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	steps, state, err := bareRun(run)
	if err != nil {
		return f, nil, fmt.Errorf("phase: %w", err)
	}
	if f.base, err = model.OpenTensors(o.Base); err != nil {
		return f, nil, fmt.Errorf("phase: base: %w", err)
	}
	for _, s := range steps {
		t, err := model.OpenTensors(filepath.Join(run, fmt.Sprintf("checkpoint-%d", s)))
		if err != nil {
			f.warnings = append(f.warnings, fmt.Sprintf("checkpoint-%d was left out: %v", s, err))
			continue
		}
		f.steps, f.checkpoints = append(f.steps, s), append(f.checkpoints, t)
	}
	if len(f.steps) == 0 {
		return f, nil, fmt.Errorf("phase: %s: %w: found no checkpoint-N with whole models %v", run, ErrNotFull, f.warnings)
	}
	return f, state, f.match()
}

// match keeps the tensors that base and all checkpoints have, in one shape.
func (f *full) match() error {
	count := map[string]int{}
	for _, t := range append([]*model.Tensors{f.base}, f.checkpoints...) {
		for _, n := range t.Names() {
			count[n]++
		}
	}
	var missing []string
	for n, c := range count {
		if c == 1+len(f.checkpoints) {
			f.names = append(f.names, n)
		} else {
			missing = append(missing, n)
		}
	}
	slices.Sort(f.names)
	slices.Sort(missing)
	if len(f.names) == 0 {
		return fmt.Errorf("phase: %s: %w: its checkpoints and %s have no tensor in common", f.run, ErrNotFull, f.Base)
	}
	if len(missing) > 0 {
		f.warnings = append(f.warnings, fmt.Sprintf("%d tensors are not in the base and every checkpoint and were left out: %s", len(missing), strings.Join(missing[:min(3, len(missing))], ", ")))
	}
	for _, n := range f.names {
		rows, cols, err := f.base.Shape(n)
		if err != nil {
			return fmt.Errorf("phase: %w", err)
		}
		for i, t := range f.checkpoints {
			r, c, err := t.Shape(n)
			if err != nil {
				return fmt.Errorf("phase: %w", err)
			}
			if r != rows || c != cols {
				return fmt.Errorf("phase: %s: %w: checkpoint-%d: tensor %s: found [%d, %d], expected [%d, %d] as in %s", f.run, ErrNotFull, f.steps[i], n, r, c, rows, cols, f.Base)
			}
		}
		f.rows[n], f.cols[n] = rows, cols
	}
	return nil
}

func (f *full) close() error {
	var errs []error
	if f.base != nil {
		errs = append(errs, f.base.Close())
	}
	for _, t := range f.checkpoints {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// chunkBytes is the bound on rows of all checkpoints in memory.
const chunkBytes = 64 << 20

// paths reduces every tensor. Those that never change are left out, vectors count in
// the combination only.
func (f *full) paths(ctx context.Context) ([]*path, error) {
	var matrices, all []*path
	for i, name := range f.names {
		g, err := f.gram(ctx, name)
		if err != nil {
			return nil, err
		}
		f.Progress.Emit(progress.Event{Stage: "geometry", Step: int64(i + 1), Total: int64(len(f.names)), Unit: "tensors", Message: name})
		p := f.path(name, g)
		if !slices.Contains(p.zero, false) {
			continue
		}
		all = append(all, p)
		if f.rows[name] > 1 {
			matrices = append(matrices, p)
			if err := f.directions(ctx, name); err != nil {
				return nil, err
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("phase: %s: %w: every tensor of every checkpoint equals the base's", f.run, ErrNotFull)
	}
	whole := combine(f.steps, all)
	whole.summary.Rank = 0
	return append(matrices, whole), nil
}

// gram is ⟨ΔW_t, ΔW_s⟩ of one tensor, summed over chunks of its rows in float64.
func (f *full) gram(ctx context.Context, name string) ([][]float64, error) {
	n, rows, cols := len(f.checkpoints), f.rows[name], f.cols[name]
	chunk := min(max(f.chunk/(4*cols*(n+1)), 1), rows)
	base, delta := make([]float32, chunk*cols), make([][]float32, n)
	for t := range delta {
		delta[t] = make([]float32, chunk*cols)
	}
	sum := square(n)
	for at := 0; at < rows; at += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k := min(chunk, rows-at) * cols
		if err := f.base.Rows(base[:k], name, at); err != nil {
			return nil, fmt.Errorf("phase: base: %w", err)
		}
		for t, c := range f.checkpoints {
			if err := c.Rows(delta[t][:k], name, at); err != nil {
				return nil, fmt.Errorf("phase: %w", err)
			}
			for i, w := range base[:k] {
				delta[t][i] -= w
			}
		}
		part := gramOf(n, func(i, j int) float64 { return lora.Dot(delta[i][:k], delta[j][:k]) })
		for i := range sum {
			for j := range sum[i] {
				sum[i][j] += part[i][j]
			}
		}
	}
	return sum, nil
}

var layerForm = regexp.MustCompile(`(?:^|\.)(?:layers|h|blocks)\.(\d+)\.`)

// moduleOf is the module that a tensor is the weight of; other tensors keep their
// names.
func moduleOf(name string) string { return strings.TrimSuffix(name, ".weight") }

// layerOf is the decoder block of a tensor, −1 for none.
func layerOf(name string) int {
	if m := layerForm.FindStringSubmatch(name); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return -1
}

// path makes the path of a tensor from its inner products.
func (f *full) path(name string, g [][]float64) *path {
	n := len(f.steps)
	p := &path{
		summary: ModuleSummary{Name: moduleOf(name), Layer: layerOf(name), In: f.cols[name], Out: f.rows[name], Scale: Missing(), Vector: "delta_w"},
		gram:    g, delta: g, factor: square(n), vectorIsDelta: true, normA: missing(n), normB: missing(n), subspace: missing(n), zero: make([]bool, n),
	}
	for t := range p.zero {
		p.zero[t] = g[t][t] == 0
	}
	p.at = grid(f.steps, p.zero)
	return p
}

func missing(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(Missing())
	}
	return out
}

// builder is newBuilder for whole models.
func (f *full) builder(state *lora.TrainerState, paths []*path) *builder {
	b := builderOf(f.steps, len(paths)-1, f.Options)
	b.rep.Run, b.rep.BaseModel = f.run, f.Base
	b.checkpoints(&lora.Series{Run: f.run, State: state})
	b.rep.Warnings = append([]string{}, f.warnings...)
	if state == nil {
		b.rep.Warnings = append(b.rep.Warnings, noState)
	}
	return b
}

// hashOf is the SHA-256 of a file; of several, that of the list of theirs, a line
// "hash  name" each.
func hashOf(ctx context.Context, files []string) (string, error) {
	all := sha256.New()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		h, err := safetensors.HashFile(file)
		if err != nil {
			return "", fmt.Errorf("phase: %w", err)
		}
		if len(files) == 1 {
			return h, nil
		}
		_, _ = io.WriteString(all, h+"  "+filepath.Base(file)+"\n") // a hash takes anything
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}
