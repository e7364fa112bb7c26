package train

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasuresRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := []Measures{{0, map[string]float64{"test_loss": 4.25, "key_share": math.NaN()}}, {25, map[string]float64{"test_loss": 0.1}}}
	if err := WriteMeasures(dir, want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, MeasuresFile))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), `{"key_share":null,"step":0,"test_loss":4.25}`+"\n"+`{"step":25,"test_loss":0.1}`+"\n"; got != want {
		t.Errorf("wrote %q, expected %q", got, want)
	}
	got, err := ReadMeasures(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].Step != 25 || got[1].Values["test_loss"] != 0.1 || !math.IsNaN(got[0].Values["key_share"]) {
		t.Errorf("read %v", got)
	}
}

func TestMeasuresRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no step":   {`{"a":1}` + "\n", "line 1"},
		"backwards": {`{"step":2,"a":1}` + "\n" + `{"step":2,"a":1}` + "\n", "line 2: found step 2 after 2"},
		"text":      {`{"step":2,"a":"x"}` + "\n", "line 1"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, MeasuresFile), []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadMeasures(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), MeasuresFile) {
			t.Errorf("%s: found %v, expected the file and %q", name, err, c.want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, MeasuresFile), []byte(`{"step":2,"a":1}`+"\n"+`{"step":3,"a"`), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadMeasures(dir); err != nil || len(got) != 1 {
		t.Errorf("a line being written: found %v, %v, expected the one before", got, err)
	}
}
