package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/activations/blob"
	"agar/activations/blob/blobtest"
	"agar/model/safetensors"
	"agar/sae"
)

func Example() {
	dir, err := os.MkdirTemp("", "sae")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s := sae.New(sae.ArchStandard, 2, 3)
	s.Metadata["hook_name"] = "blocks.15.hook_resid_post"
	if err := Save(dir, s); err != nil {
		panic(err)
	}
	back, err := Load(dir)
	if err != nil {
		panic(err)
	}
	fmt.Println(back.Arch, back.DIn, back.DSAE, back.Metadata["hook_name"])
	// Output: standard 2 3 blocks.15.hook_resid_post
}

// tensors reads all float tensors of a file.
func tensors(t testing.TB, path string) map[string][]float32 {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]float32{}
	for _, name := range f.Names() {
		if out[name], _, err = f.Float32(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// difference is the largest difference of got and want over the largest
// magnitude of want.
func difference(got, want []float32) float64 {
	diff, size := 0.0, 0.0
	for i := range want {
		diff = max(diff, math.Abs(float64(got[i])-float64(want[i])))
		size = max(size, math.Abs(float64(want[i])))
	}
	return diff / size
}

// Both sum a handful of products in float32, in other orders: a few units of the
// last place.
const goldenTolerance = 2e-6

func TestFeaturesEqualSAELens(t *testing.T) {
	want := tensors(t, "testdata/expected.safetensors")
	x := want["x"]
	for _, name := range []string{"standard", "topk", "topk_rescaled", "jumprelu", "batchtopk"} {
		s, err := Load(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		n := len(x) / s.DIn
		var c sae.Codes
		s.Encode(&c, x, n)
		acts, recon := make([]float32, n*s.DSAE), make([]float32, n*s.DIn)
		c.Dense(acts, s.DSAE)
		s.Decode(recon, &c)
		a, r := difference(acts, want[name+".acts"]), difference(recon, want[name+".recon"])
		t.Logf("%-14s features %.1e reconstructions %.1e", name, a, r)
		if !(a <= goldenTolerance && r <= goldenTolerance) {
			t.Errorf("%s: features differ by %.1e and reconstructions by %.1e, expected at most %.0e", name, a, r, goldenTolerance)
		}
		for i, v := range want[name+".acts"] {
			if (v == 0) != (acts[i] == 0) {
				t.Errorf("%s: entry %d is %v, expected %v", name, i, acts[i], v)
			}
		}
	}
}

func TestRoundTripKeepsTensorsAndKeys(t *testing.T) {
	for _, name := range []string{"standard", "topk", "jumprelu"} {
		from, to := filepath.Join("testdata", name), t.TempDir()
		s, err := Load(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := Save(to, s); err != nil {
			t.Fatal(err)
		}
		a, b := tensors(t, filepath.Join(from, WeightsFile)), tensors(t, filepath.Join(to, WeightsFile))
		if len(a) != len(b) {
			t.Errorf("%s: %d tensors became %d", name, len(a), len(b))
		}
		for k := range a {
			if !slices.Equal(a[k], b[k]) {
				t.Errorf("%s: tensor %s changed", name, k)
			}
		}
		if k, l := keys(t, from), keys(t, to); !slices.Equal(k, l) {
			t.Errorf("%s: keys %v became %v", name, k, l)
		}
	}
}

// keys lists the keys of cfg.json with those of the metadata, sorted.
func keys(t testing.TB, dir string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	var out []string
	for k := range m {
		out = append(out, k)
	}
	for k := range m["metadata"].(map[string]any) {
		out = append(out, "metadata."+k)
	}
	slices.Sort(out)
	return out
}

// random is a jumprelu dictionary with every parameter drawn.
func random(d, f int) *sae.SAE {
	r := rand.New(rand.NewPCG(5, 6))
	s := sae.New(sae.ArchJumpReLU, d, f)
	for _, p := range [][]float32{s.WEnc, s.BEnc, s.WDec, s.BDec} {
		for i := range p {
			p[i] = float32(r.NormFloat64()) / 4
		}
	}
	for i := range s.Threshold {
		s.Threshold[i] = r.Float32() / 2
	}
	return s
}

// A dictionary written here is loaded by sae-lens and gives the same features:
// 1e-5 of the largest, and which fire may differ only within 1e-4 of the
// threshold, where one rounding decides.
func TestSAELensLoadsWhatWeWrite(t *testing.T) {
	oracles := os.Getenv("AGAR_ORACLES")
	if oracles == "" {
		t.Skip("AGAR_ORACLES is not set")
	}
	dir := t.TempDir()
	s := random(64, 256)
	if err := Save(dir, s); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	const n = 100
	x := make([]float32, n*s.DIn)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	err := write(blob.Dir(dir), "x.safetensors", []safetensors.Out{{Name: "x", Shape: []int{n, s.DIn}, F32: x}})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(oracles, "bin", "python"), "testdata/features.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("features.py: %v\n%s", err, out)
	}
	compareFeatures(t, s, x, tensors(t, filepath.Join(dir, "features.safetensors"))["acts"])
}

func compareFeatures(t *testing.T, s *sae.SAE, x, want []float32) {
	t.Helper()
	n := len(x) / s.DIn
	var c sae.Codes
	s.Encode(&c, x, n)
	got, pre := make([]float32, n*s.DSAE), make([]float32, n*s.DSAE)
	c.Dense(got, s.DSAE)
	s.PreActs(pre, x, n)
	near, worst, size := 0, 0.0, 0.0
	for i := range want {
		size = max(size, math.Abs(float64(want[i])))
		if math.Abs(float64(pre[i]-s.Threshold[i%s.DSAE])) < 1e-4 {
			near++
			continue
		}
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	t.Logf("worst %.1e of %.2f, %d of %d entries within 1e-4 of the threshold", worst/size, size, near, len(want))
	if !(worst <= 1e-5*size) {
		t.Errorf("features differ by %.1e of the largest, expected at most 1e-5", worst/size)
	}
}

func TestSparsity(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadSparsity(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gave %v, expected fs.ErrNotExist", err)
	}
	if err := SaveSparsity(blob.Dir(dir), []float32{0, 0.01, 1}); err != nil {
		t.Fatal(err)
	}
	got, err := LoadSparsity(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{-10, -2, 0} {
		if math.Abs(float64(got[i]-want)) > 1e-6 {
			t.Errorf("feature %d: %v, expected %v", i, got[i], want)
		}
	}
}

func TestFullDiskLeavesNoConfig(t *testing.T) {
	dir := t.TempDir()
	s := random(8, 16)
	full := &blobtest.Faulty{Store: blob.Dir(dir), FullAfter: 100}
	if err := SaveTo(full, s); err == nil {
		t.Fatal("a full disk gave no error")
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("a full disk left %v", left)
	}
}

func TestRefusals(t *testing.T) {
	const good = `{"d_in": 4, "d_sae": 8, "architecture": "standard", "metadata": {"sae_lens_version": "6.54.12"}}`
	if _, err := parseConfig([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ change, to, want string }{
		"gated":         {`"standard"`, `"gated"`, `"gated"`},
		"no arch":       {`"architecture": "standard", `, ``, "architecture is missing"},
		"old":           {"6.54.12", "5.1.0", `"5.1.0"`},
		"no version":    {`"sae_lens_version": "6.54.12"`, ``, "sae_lens_version"},
		"layer norm":    {`"d_in"`, `"normalize_activations": "layer_norm", "d_in"`, `"layer_norm"`},
		"hook_z":        {`"d_in"`, `"reshape_activations": "hook_z", "d_in"`, `"hook_z"`},
		"no width":      {`"d_sae": 8`, `"d_sae": 0`, "d_sae 0"},
		"huge":          {`"d_in": 4`, `"d_in": 99999999999`, "d_in"},
		"k":             {`"standard"`, `"topk", "k": 9`, "k 9"},
		"fractional k":  {`"standard"`, `"topk", "k": 2.5`, "k 2.5"},
		"not an object": {good, `[]`, "array"},
	} {
		_, err := parseConfig([]byte(strings.Replace(good, c.change, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected an error with %s", name, err, c.want)
		}
	}
}

func TestWrongWeightsAreNamed(t *testing.T) {
	s := random(4, 6)
	for name, c := range map[string]struct {
		spoil func([]safetensors.Out) []safetensors.Out
		want  string
	}{
		"missing":   {func(ts []safetensors.Out) []safetensors.Out { return ts[1:] }, "W_enc"},
		"shape":     {func(ts []safetensors.Out) []safetensors.Out { ts[0].Shape = []int{6, 4}; return ts }, "[6 4]"},
		"nan":       {func(ts []safetensors.Out) []safetensors.Out { ts[3].F32[1] = float32(math.NaN()); return ts }, "b_dec"},
		"threshold": {func(ts []safetensors.Out) []safetensors.Out { return ts[:4] }, "threshold"},
	} {
		dir := t.TempDir()
		if err := Save(dir, s); err != nil {
			t.Fatal(err)
		}
		if err := write(blob.Dir(dir), WeightsFile, c.spoil(weightsOf(s.Clone()))); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), WeightsFile) {
			t.Errorf("%s: found %v, expected an error with %s and %s", name, err, c.want, WeightsFile)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"standard", "topk", "batchtopk"} {
		b, err := os.ReadFile(filepath.Join("testdata", name, ConfigFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b)
		if err != nil {
			return
		}
		if k := c.topK(); c.Architecture == sae.ArchTopK && (k < 1 || k > c.DSAE) {
			t.Errorf("accepted k %d of %d features", k, c.DSAE)
		}
		out, err := marshalConfig(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseConfig(bytes.TrimSpace(out)); err != nil {
			t.Errorf("what was written is refused: %v\n%s", err, out)
		}
	})
}
