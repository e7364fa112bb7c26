package report

import "testing"

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"loss, nats", "loss, nats"},
		{"θ₁₀ ± se, λ = 1, ΔW°", ""},
		{"‖ΔW‖", ""},
		{"中 token", "U+4E2D token"},
		{"▁the", "U+2581the"},
		{"a\tb\nc", "a b c"},
		{"\x00", "U+0000"},
		{"😀", "U+1F600"},
	} {
		got := Escape(c.in)
		t.Logf("%q → %q", c.in, got)
		if c.want != "" && got != c.want {
			t.Errorf("Escape(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
