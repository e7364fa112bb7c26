package cell

// ASCII replaces the drawing characters of agar's screens by ASCII ones of the
// same width, for terminals whose font has nothing else. Other text is left
// alone.
func ASCII(s string) string {
	if len(s) == 1 {
		return s
	}
	if a, ok := asciiOf[s]; ok {
		return a
	}
	return s
}

var asciiOf = func() map[string]string {
	m := map[string]string{}
	for _, pair := range []struct{ from, to string }{
		{"─━┄", "-"}, {"│┃┊┆", "|"}, {"┌┐└┘┏┓┗┛├┤┬┴┼", "+"},
		{"▸►▶", ">"}, {"◂◀", "<"}, {"▲↑▴", "^"}, {"▼↓▾", "v"}, {"→", ">"}, {"←", "<"},
		{"●◆", "*"}, {"○◇", "o"}, {"✕×", "x"}, {"†", "+"}, {"✓", "v"}, {"⇧", "^"}, {"÷", "/"}, {"★⚑", "*"},
		{"·•", "."}, {"…", "~"}, {"⏎␍", "$"}, {"–−—", "-"}, {"°", "o"}, {"≥", ">"}, {"≤", "<"},
		{"█▓", "#"}, {"▒", "+"}, {"░", "."}, {"▐", "|"}, {"�", "?"}, {"“”", "\""}, {"‘’", "'"},
		{"▁", "."}, {"▂", ":"}, {"▃", "-"}, {"▄", "="}, {"▅", "+"}, {"▆", "*"}, {"▇", "#"},
		{"θ", "t"}, {"λ", "L"}, {"Δ", "d"}, {"‖", "|"}, {"±", "~"}, {"∑Σ", "S"}, {"²", "2"}, {"√", "v"},
		{"₀", "0"}, {"₁", "1"}, {"₂", "2"}, {"₃", "3"}, {"₄", "4"}, {"₅", "5"}, {"₆", "6"}, {"₇", "7"}, {"₈", "8"}, {"₉", "9"},
	} {
		for _, r := range pair.from {
			m[string(r)] = pair.to
		}
	}
	return m
}()
