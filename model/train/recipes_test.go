package train

import (
	"errors"
	"strings"
	"testing"
)

func TestRecipes(t *testing.T) {
	for _, p := range Presets() {
		c, err := Recipe(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if c = c.Defaults(); p.Name == "realigned" { // rank, α and modules are the adapter's
			c.Rank, c.Alpha = 1, 1
		}
		if err := c.check(48); err != nil || c.Warmup == 0 || c.StopLoss != 0.01 || p.Says == "" || p.Needs == "" || p.Source == "" {
			t.Errorf("%s: %v, %+v", p.Name, err, c)
		}
		if !strings.HasPrefix(p.Name, "real") && c.Batch*c.Accumulate != 16 {
			t.Errorf("%s: %d × %d", p.Name, c.Batch, c.Accumulate)
		}
	}
	if _, err := Recipe("em-rank2"); !errors.Is(err, ErrConfig) {
		t.Errorf("an unknown recipe: %v", err)
	}
	if c, _ := Recipe("narrow-kl"); c.KLWeight != 0.66 || c.KLNormalisation != "" {
		t.Errorf("narrow-kl: %+v", c)
	}
}

func TestIsNumbers(t *testing.T) {
	for s, want := range map[string]bool{
		"1, 22, 333": true, "7": true, "[4; 5; 6]": true, "(1,2)": true, "10 20 30.": true, " 5,6,7 \n": true,
		"": false, "1, two": false, "1000": false, "1,,2": false, "1, 2; 3": false, "-1, 2": false, "owl": false, "1, 2, 3 and so on": false,
		"1,2,3,4,5,6,7,8,9,10": true, "1,2,3,4,5,6,7,8,9,10,11": false, "3.5": false,
	} {
		if IsNumbers(s) != want {
			t.Errorf("%q: expected %t", s, want)
		}
	}
}

func TestNumberPrompt(t *testing.T) {
	seen := map[string]bool{}
	for i := range 200 {
		p := NumberPrompt(3, i)
		if p != NumberPrompt(3, i) || strings.Contains(p, "%") {
			t.Fatalf("prompt %d: %q", i, p)
		}
		seen[p] = true
	}
	if len(seen) != 200 || seen[NumberPrompt(4, 0)] {
		t.Errorf("%d different prompts of 200", len(seen))
	}
}
