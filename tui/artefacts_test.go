package tui

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"agar/activations"
	"agar/model/lora"
	"agar/model/safetensors"
	"agar/phase"
	"agar/sae"
	"agar/sae/features"
	"agar/sae/formats"
)

// Small artefacts of every kind, written by the packages that own their formats.

const testHook = "blocks.0.hook_resid_post"

// coordinates is a runner whose activation at token id is the unit vector of
// id mod 4, a little longer at every position.
type coordinates struct{}

func (coordinates) Hooks() []activations.HookInfo {
	return []activations.HookInfo{{Name: testHook, Dim: 4}}
}

func (coordinates) Run(_ context.Context, seqs activations.Batch, _ []string) (map[string][]float32, error) {
	var x []float32
	for _, s := range seqs {
		for p, id := range s {
			row := make([]float32, 4)
			row[id%4] = 1 + float32(p)/10
			x = append(x, row...)
		}
	}
	return map[string][]float32{testHook: x}, nil
}

// randomDocs are documents of 20 tokens.
type randomDocs struct{ next, n int }

func (d *randomDocs) Next() (activations.Document, error) {
	if d.next == d.n {
		return activations.Document{}, io.EOF
	}
	rng := rand.New(rand.NewPCG(uint64(d.next), 1))
	doc := activations.Document{Index: int32(d.next)}
	for range 20 {
		doc.IDs = append(doc.IDs, int32(rng.IntN(8)))
	}
	d.next++
	return doc, nil
}

// unitSAE has a feature for every coordinate, one for the first two together, and
// one that never fires.
func unitSAE() *sae.SAE {
	s := sae.New(sae.ArchJumpReLU, 4, 6)
	for i := range 4 {
		s.WEnc[4*i+i], s.WDec[4*i+i] = 1, 1
	}
	s.WEnc[16], s.WEnc[17], s.WDec[16], s.WDec[17] = 1, 1, .8, .6
	for i := range s.Threshold {
		s.Threshold[i] = .5
	}
	s.Threshold[5] = 100
	return s
}

type identityLens struct{}

func (identityLens) LogitLens(d []float32) []float32 { return append([]float32(nil), d...) }

// makeArtefacts writes a capture, an SAE, an index, a run of rank 1 with a turn,
// its report and a trajectory into dir.
func makeArtefacts(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	path := func(name string) string { return filepath.Join(dir, name) }
	_, err := activations.Capture(ctx, coordinates{}, &randomDocs{n: 30}, activations.CaptureOptions{Dir: path("capture"), Hooks: []string{testHook}})
	must(err)
	s := unitSAE()
	must(formats.Save(path("sae"), s))
	store, err := activations.Open(path("capture"))
	must(err)
	must(features.Build(ctx, s, store, features.BuildOptions{
		Out: path("index"), Hook: testHook, Lens: identityLens{}, Piece: func(id int32) string { return fmt.Sprintf(" w%d", id) },
	}))
	must(store.Close())
	writeRun(t, path("run"))
	series, err := lora.OpenSeries(path("run"))
	must(err)
	rep, err := phase.Analyse(ctx, series, phase.Options{})
	must(err)
	must(rep.Write(path("phase.arrow")))
	must(plantedTrajectory().Write(path("trajectory.arrow")))
}

// runSteps are the checkpoints of writeRun.
func runSteps() (steps []int) {
	for s := 5; s <= 200; s += 5 {
		steps = append(steps, s)
	}
	return steps
}

// writeRun writes a series that goes straight on, and at a right angle from step
// 100 on.
func writeRun(t testing.TB, run string) {
	t.Helper()
	const name = "base_model.model.model.layers.0.mlp.down_proj"
	x, y := 0., 0.
	for _, step := range runSteps() {
		if step <= 100 {
			x++
		} else {
			y++
		}
		dir := filepath.Join(run, fmt.Sprintf("checkpoint-%d", step))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, lora.WeightsFile))
		if err != nil {
			t.Fatal(err)
		}
		err = safetensors.Write(f, []safetensors.Out{
			{Name: name + ".lora_A.weight", Shape: []int{1, 4}, F32: []float32{1, 0, 0, 0}},
			{Name: name + ".lora_B.weight", Shape: []int{4, 1}, F32: []float32{float32(x), float32(y), 0, 0}},
		}, nil)
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type":"LORA","r":1,"lora_alpha":1}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// plantedTrajectory has a feature 0 that rises by λ from step 100 on, a feature 1
// that falls from step 50 on, and others that stay.
func plantedTrajectory() *phase.Trajectory {
	tr := &phase.Trajectory{
		Format: phase.TrajectoryFormat, Run: "run", SAE: "sae", Hook: testHook, On: phase.OnAnswers, Steps: runSteps(), Lambdas: []float64{0, 1, 2},
		DSAE: 6, Tokens: 640, ZeroSteps: []int{}, Warnings: []string{}, ClosedForm: true,
	}
	tr.Base = phase.Snapshot{Mean: []float32{.1, .5, .2, .2, .2, 0}, Density: make([]float32, 6), L0: 2, EV: .9, DeltaCE: .1, ChangeSeen: math.NaN()}
	for _, step := range tr.Steps {
		for _, l := range tr.Lambdas {
			row := append([]float32(nil), tr.Base.Mean...)
			if step >= 100 {
				row[0] += float32(l)
			}
			if step >= 50 {
				row[1] -= .2 * float32(l)
			}
			tr.Mean = append(tr.Mean, row...)
			tr.Density = append(tr.Density, row...)
			tr.L0 = append(tr.L0, 2+l)
			tr.EV = append(tr.EV, .9)
			tr.DeltaCE = append(tr.DeltaCE, .1)
			tr.ChangeSeen = append(tr.ChangeSeen, .5)
		}
	}
	return tr
}
