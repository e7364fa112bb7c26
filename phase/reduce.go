package phase

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"gonum.org/v1/gonum/mat"

	"agar/activations/blob"
	"agar/model/lora"
	"agar/model/progress"
	"agar/model/safetensors"
)

// Reduced is what Reduce wrote.
type Reduced struct {
	Out     string      `json:"out"`
	Rank    int         `json:"rank"`
	Modules []string    `json:"modules"`
	At      []ReducedAt `json:"at"`
	// LeftOut are the tensors that changed and no adapter of linear layers can hold:
	// norms, embeddings, head.
	LeftOut []string `json:"left_out"`
}

// ReducedAt says how much of ΔW a checkpoint's adapter holds.
type ReducedAt struct {
	Step  int    `json:"step"`
	Share Number `json:"share"` // of ‖ΔW‖²_F of the reduced modules; null where nothing changed
}

// linearForm are the weights that an adapter of linear layers can hold.
var linearForm = regexp.MustCompile(`^(.*\.([qkvo]_proj|gate_proj|up_proj|down_proj))\.weight$`)

// Reduce writes a fine-tune in full as a series of adapters: at every checkpoint the
// best approximation of rank o.Rank of each linear layer's ΔW, B = U·√Σ, A = √Σ·Vᵀ,
// s = 1. What reads adapters – features, dials, KL – reads the fine-tune then. out gets
// checkpoint-N directories as PEFT writes them, with the trainer's state.
func Reduce(ctx context.Context, run, out string, o FullOptions) (r *Reduced, err error) {
	f, _, err := openFull(run, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if f.Rank < 1 {
		return nil, fmt.Errorf("phase: reduce: found rank %d, expected at least 1", f.Rank)
	}
	r = &Reduced{Out: out, Rank: f.Rank, LeftOut: []string{}}
	var names []string
	for _, n := range f.names {
		if linearForm.MatchString(n) {
			names = append(names, n)
			r.Modules = append(r.Modules, moduleOf(n))
		} else if g, err := f.gram(ctx, n); err != nil {
			return nil, err
		} else if slices.ContainsFunc(g, func(row []float64) bool { return slices.ContainsFunc(row, func(v float64) bool { return v != 0 }) }) {
			r.LeftOut = append(r.LeftOut, n)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("phase: %s: %w: found no linear layer (q_proj … down_proj) to reduce", run, ErrNotFull)
	}
	for t, step := range f.steps {
		share, err := f.reduce(ctx, t, names, filepath.Join(out, fmt.Sprintf("checkpoint-%d", step)))
		if err != nil {
			return nil, err
		}
		r.At = append(r.At, ReducedAt{step, share})
		f.Progress.Emit(progress.Event{Stage: "reduce", Step: int64(t + 1), Total: int64(len(f.steps)), Unit: "checkpoints"})
	}
	return r, nil
}

// reduce writes the adapter of checkpoint t to dir.
func (f *full) reduce(ctx context.Context, t int, names []string, dir string) (share Number, err error) {
	var out []safetensors.Out
	held, total := 0.0, 0.0
	rank := f.Rank
	for _, n := range names {
		rank = min(rank, f.rows[n], f.cols[n])
	}
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		delta, err := f.deltaAt(n, t)
		if err != nil {
			return 0, err
		}
		a, b := make([]float32, rank*f.cols[n]), make([]float32, f.rows[n]*rank)
		if sum := lora.Dot(delta, delta); sum > 0 {
			held, total = held+factor(a, b, delta, f.rows[n], f.cols[n], rank), total+sum
		}
		key := "base_model.model." + moduleOf(n)
		out = append(out, safetensors.Out{Name: key + ".lora_A.weight", Shape: []int{rank, f.cols[n]}, F32: a},
			safetensors.Out{Name: key + ".lora_B.weight", Shape: []int{f.rows[n], rank}, F32: b})
	}
	share = Missing()
	if total > 0 {
		share = Number(held / total)
	}
	return share, f.writeAdapter(t, dir, rank, names, out)
}

// factor fills a [rank, cols] and b [rows, rank] with the best approximation of x and
// gives the squared norm that it holds.
func factor(a, b, x []float32, rows, cols, rank int) (held float64) {
	s, u, v := topSingular(x, rows, cols, rank)
	return factors(a, b, s, u, v)
}

// factors writes A = √Σ·Vᵀ [rank, cols] and B = U·√Σ [rows, rank] and gives the squared
// norm that they hold.
func factors(a, b []float32, s *Singular, u, v *mat.Dense) (held float64) {
	rank := len(s.Values)
	rows, cols := len(b)/max(rank, 1), len(a)/max(rank, 1)
	for j, value := range s.Values {
		root := math.Sqrt(float64(value))
		for o := range rows {
			b[o*rank+j] = float32(root * u.At(o, j))
		}
		for i := range cols {
			a[j*cols+i] = float32(root * v.At(i, j))
		}
		held += float64(value * value)
	}
	return held
}

// writeAdapter writes factors as PEFT does, the weights last.
func (f *full) writeAdapter(t int, dir string, rank int, names []string, ts []safetensors.Out) error {
	var targets []string
	for _, n := range names {
		if p := linearForm.FindStringSubmatch(n)[2]; !slices.Contains(targets, p) {
			targets = append(targets, p)
		}
	}
	slices.Sort(targets)
	config, err := json.MarshalIndent(map[string]any{
		"base_model_name_or_path": f.Base, "bias": "none", "lora_alpha": rank, "lora_dropout": 0.0, "peft_type": "LORA", "r": rank, "target_modules": targets,
		"task_type": "CAUSAL_LM", "inference_mode": true, "use_dora": false, "use_rslora": false,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("phase: reduce: %w", err)
	}
	var weights bytes.Buffer
	if err := safetensors.Write(&weights, ts, map[string]string{"format": "pt"}); err != nil {
		return fmt.Errorf("phase: reduce: %w", err)
	}
	files := map[string][]byte{lora.ConfigFile: config, lora.WeightsFile: weights.Bytes()}
	state, err := os.ReadFile(filepath.Join(f.run, fmt.Sprintf("checkpoint-%d", f.steps[t]), "trainer_state.json"))
	switch {
	case err == nil:
		files["trainer_state.json"] = state
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("phase: reduce: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("phase: reduce: %w", err)
	}
	for _, name := range []string{"trainer_state.json", lora.ConfigFile, lora.WeightsFile} {
		if data, ok := files[name]; ok {
			if err := blob.WriteAll(blob.Dir(dir), name, data); err != nil {
				return fmt.Errorf("phase: reduce: %w", err)
			}
		}
	}
	return nil
}
