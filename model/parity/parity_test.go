package parity

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/safetensors"
)

// write writes a dump with one case and gives its path.
func write(t testing.TB, meta string, ts ...safetensors.Out) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := safetensors.Write(f, ts, map[string]string{metaKey: meta}); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `{"format": "agar-reference/1", "model": {"name": "m", "sha256": "00"}, "dtype": "float32",
	"cases": [{"name": "a", "ids": [1, 2, 3], "rows": [0, 2], "hooks": ["h"], "greedy": [4, 5], "margins": [1, 0.0001]}]}`

func tensors() []safetensors.Out {
	return []safetensors.Out{
		{Name: "a/h", Shape: []int{2, 1, 2}, F32: []float32{3, 4, 0, 0}},
		{Name: "a/logits", Shape: []int{2, 2}, F32: []float32{1, float32(math.Inf(-1)), 0, 2}},
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, x := range map[string]struct{ old, new, want string }{
		"format":  {`agar-reference/1`, `agar-reference/2`, `found format "agar-reference/2"`},
		"cases":   {`"cases"`, `"case"`, "found no cases"},
		"rows":    {`[0, 2]`, `[0, 3]`, "expected ascending positions below 3"},
		"order":   {`[0, 2]`, `[2, 0]`, "expected ascending positions"},
		"hook":    {`["h"]`, `["h", "g"]`, `found no tensor "a/g"`},
		"count":   {`[0, 2]`, `[0, 1, 2]`, `tensor "a/h": found shape [2 1 2], expected [3, width]`},
		"ids":     {`[1, 2, 3]`, `[]`, "found 0 ids"},
		"margins": {`[1, 0.0001]`, `[1]`, "found 1 margins of 2"},
		"json":    {`"cases"`, `cases`, "metadata"},
	} {
		path := write(t, strings.Replace(good, x.old, x.new, 1), tensors()...)
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: found error %v, expected the file and %q", name, err, x.want)
		}
	}
}

func TestCompare(t *testing.T) {
	d, err := Open(write(t, good, tensors()...))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := &d.Cases[0]
	for _, x := range []struct {
		got  []float32
		want float64
		pos  int
	}{
		{[]float32{3, 4, 0, 0}, 0, 0},
		{[]float32{3, 4.5, 0, 0}, 0.1, 0},
		{[]float32{3, 4, 1e-30, 0}, math.Inf(1), 2}, // a zero row must be met exactly
		{[]float32{3, float32(math.NaN()), 0, 0}, math.Inf(1), 0},
	} {
		devs, err := d.Compare(c, Got{"h": x.got})
		if err != nil || len(devs) != 1 || math.Abs(float64(devs[0].Error)-x.want) > 1e-9 && !math.IsInf(x.want, 1) || math.IsInf(x.want, 1) && !math.IsInf(float64(devs[0].Error), 1) || devs[0].Pos != x.pos {
			t.Errorf("%v: found %v, %v, expected error %g at position %d", x.got, devs, err, x.want, x.pos)
		}
	}
	// What is −inf in the reference is left out.
	if devs, err := d.Compare(c, Got{Logits: {1, 7, 0, 2}}); err != nil || devs[0].Error != 0 {
		t.Errorf("masked value: found %v, %v", devs, err)
	}
	if _, err := d.Compare(c, Got{"h": {1, 2}}); err == nil || !strings.Contains(err.Error(), "found rows of 1, the dump has 2") {
		t.Errorf("other width: found %v", err)
	}
}

// A row that an adapter's few sums nearly cancel counts as no smaller than the
// rows are on average.
func TestNarrowFloor(t *testing.T) {
	want := []float32{10, 0.001}
	got := []float32{10, 0.0011}
	if e, _ := Relative(got, want, 1, false); e < 0.09 {
		t.Errorf("without the floor the error is %g, expected 0.1", e)
	}
	if e, _ := Relative(got, want, 1, true); e > 2e-5 {
		t.Errorf("with the floor the error is %g, expected 1.4e-5", e)
	}
}

func TestReport(t *testing.T) {
	c := &Case{Name: "a", Greedy: []int32{4, 5}, Margins: []float64{1, 1e-4}}
	fine := func() Report {
		return Report{Tolerance: 2e-5, Deviations: []Deviation{{"a", "blocks.0.h", 0, 1e-6}, {"a", "blocks.1.h", 2, 2e-6}, {"a", "logits", 2, 1e-7}}}
	}
	for name, x := range map[string]struct {
		spoil func(r *Report)
		want  string
	}{
		"fine":       {func(r *Report) {}, ""},
		"toss-up":    {func(r *Report) { r.Greedy(c, []int32{4, 6}) }, ""},
		"token":      {func(r *Report) { r.Greedy(c, []int32{3, 5}) }, "greedy token 0 of case a is 3, expected 4"},
		"short":      {func(r *Report) { r.Greedy(c, nil) }, "greedy token 0 of case a is -1"},
		"error":      {func(r *Report) { r.Deviations[1].Error = 3e-5 }, "blocks.1.h of case a at position 2 is off by 3e-05"},
		"not finite": {func(r *Report) { r.Deviations[2].Error = Ratio(math.Inf(1)) }, "logits of case a"},
		"missing":    {func(r *Report) { r.Missing = []string{"a: x"} }, "hooks that the model has not: a: x"},
		"ids":        {func(r *Report) { r.IDs = []string{"a"} }, "other ids"},
		"nothing":    {func(r *Report) { r.Deviations = nil }, "nothing was compared"},
	} {
		r := fine()
		x.spoil(&r)
		if got := r.Problem(); x.want == "" && got != "" || !strings.Contains(got, x.want) || r.OK() != (x.want == "") {
			t.Errorf("%s: found problem %q and OK %t, expected %q", name, got, r.OK(), x.want)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := fine()
	if by := r.ByHook(); len(by) != 2 || by[0].Hook != "blocks.1.h" || by[1].Hook != "logits" {
		t.Errorf("by hook: %v", by)
	}
}

func TestScriptSettings(t *testing.T) {
	for _, name := range []string{"MODEL", "ADAPTER", "OUT", "DTYPE", "DEVICE", "ROWS", "LONG", "GREEDY"} {
		lines := settings(t)
		if err := assign(&lines, name, "x"); err != nil || !strings.Contains(lines, "\n"+name+" = \"x\"  #") && !strings.HasPrefix(lines, name+" = \"x\"  #") {
			t.Errorf("%s: %v in\n%s", name, err, lines)
		}
	}
	lines := settings(t)
	if err := assign(&lines, "NOTHING", 1); err == nil {
		t.Error("a setting that there is not was set")
	}
}

func settings(t *testing.T) string {
	_, rest, ok := strings.Cut(reference, settingsStart)
	lines, _, ok2 := strings.Cut(rest, settingsEnd)
	if !ok || !ok2 {
		t.Fatal("the settings are not marked")
	}
	return lines
}

// FuzzOpen opens any bytes as the object of a dump.
func FuzzOpen(f *testing.F) {
	f.Add(good)
	f.Add(strings.Replace(good, "[0, 2]", "[-1, 2]", 1))
	f.Add(strings.Replace(good, `"a"`, `""`, 1))
	f.Add(`{"format": "agar-reference/1", "cases": [{}]}`)
	f.Fuzz(func(t *testing.T, meta string) {
		d, err := Open(write(t, meta, tensors()...))
		if err != nil {
			return
		}
		defer d.Close()
		for i := range d.Cases {
			for _, h := range d.Cases[i].Names() {
				if _, _, err := d.Want(&d.Cases[i], h); err != nil {
					t.Logf("%v", err)
				}
			}
		}
	})
}
