package activations

import (
	"slices"
	"strings"
)

// canonical is a command without the flags that say how it is repeated or
// printed, so that a capture done in one go and one resumed have the same
// manifest.
func canonical(command []string) []string {
	return slices.DeleteFunc(slices.Clone(command), func(w string) bool {
		name, _, _ := strings.Cut(w, "=")
		return name == "--resume" || name == "--force" || name == "--json"
	})
}

// inFloat32 is the command that goes on in float32, for a shell; "" when there
// is none.
func inFloat32(command []string) string {
	if len(command) == 0 {
		return ""
	}
	var out []string
	words := canonical(command)
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == "--dtype":
			i++
		case strings.HasPrefix(words[i], "--dtype="):
		default:
			out = append(out, quote(words[i]))
		}
	}
	return strings.Join(append(out, "--dtype", "f32", "--resume"), " ")
}

// quote protects a word from a POSIX shell where it needs it.
func quote(w string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=+.,/:@%", r)
	}
	if w != "" && strings.IndexFunc(w, func(r rune) bool { return !safe(r) }) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
