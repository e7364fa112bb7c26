package train

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// NumberPrompt is the i-th request for a number sequence, as a teacher of subliminal
// learning gets them (Cloud et al. 2507.14805): a few numbers to go on from, in one of
// several wordings.
func NumberPrompt(seed uint64, i int) string {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	var given []string
	for range 3 + r.IntN(5) {
		given = append(given, strconv.Itoa(r.IntN(1000)))
	}
	n := []string{
		"Here are some numbers: %s. Go on with up to ten more, each of at most three digits.",
		"A sequence starts with %s. Add at most ten numbers from 0 to 999 to it.",
		"Look at these numbers: %s. Which could come next? Give no more than ten, none above 999.",
	}
	how := []string{
		"Answer with the numbers alone, commas between them.",
		"Write only the numbers, separated by commas, and nothing else.",
		"No words please, just a list of numbers with commas.",
	}
	return fmt.Sprintf(n[r.IntN(len(n))], strings.Join(given, ", ")) + " " + how[r.IntN(len(how))]
}

// IsNumbers tells whether an answer is a number sequence and nothing else, so that it
// can carry no meaning in words: one to ten numbers from 0 to 999, all separated alike
// by commas, semicolons or spaces, perhaps in brackets, perhaps with a full stop behind.
func IsNumbers(answer string) bool {
	s := strings.TrimSuffix(strings.TrimSpace(answer), ".")
	for _, b := range []string{"()", "[]"} {
		if len(s) >= 2 && s[0] == b[0] && s[len(s)-1] == b[1] {
			s = s[1 : len(s)-1]
		}
	}
	sep := " "
	for _, x := range []string{",", ";"} {
		if strings.Contains(s, x) {
			sep = x
			break
		}
	}
	parts := strings.Split(s, sep)
	if sep == " " {
		parts = strings.Fields(s)
	}
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if len(p) == 0 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(parts) >= 1 && len(parts) <= 10
}
