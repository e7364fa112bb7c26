package tokenizer

import (
	"math"
	"strconv"
	"strings"
	"sync"
)

// powers are 10⁰ to 10³⁰⁸.
var powers = sync.OnceValue(func() (p [309]float64) {
	for i := range p {
		p[i], _ = strconv.ParseFloat("1e"+strconv.Itoa(i), 64)
	}
	return p
})

// roundedFloat is the valid JSON number s as the JSON reader behind Hugging
// Face's tokenizers rounds it: digits that fit 64 bits, then one multiplication
// or division by a power of ten. That is up to a unit in the last place off,
// which decides between two ways to cut a word that score the same.
func roundedFloat(s string) float64 {
	s, negative := strings.CutPrefix(s, "-")
	mantissa, exponent, _ := strings.Cut(strings.ReplaceAll(s, "E", "e"), "e")
	e := 0
	if exponent != "" {
		e, _ = strconv.Atoi(exponent)
	}
	var digits uint64
	full, point := false, false
	for i := range len(mantissa) {
		if mantissa[i] == '.' {
			point = true
			continue
		}
		d := uint64(mantissa[i] - '0')
		full = full || digits > (math.MaxUint64-d)/10
		switch {
		case !full:
			digits = 10*digits + d
			if point {
				e--
			}
		case !point:
			e++
		}
	}
	f := scaled(float64(digits), e)
	if negative {
		return -f
	}
	return f
}

// scaled is f·10ᵉ.
func scaled(f float64, e int) float64 {
	for ; e < -308 && f != 0; e += 308 {
		f /= 1e308
	}
	switch {
	case f == 0:
		return 0
	case e < 0:
		return f / powers()[-e]
	}
	return f * powers()[min(e, 308)]
}
