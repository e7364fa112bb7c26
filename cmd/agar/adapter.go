package main

import (
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agar/model"
	"agar/model/lora"
)

// adapterFlags are the flags that choose adapters.
type adapterFlags struct {
	given     []string // DIR or DIR@λ
	allowZero bool
}

func (f *adapterFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.given, "adapter", nil, "PEFT adapter `DIR` or steering_vector.pt, attached unmerged; several are summed, DIR@0.5 has a dial of its own")
	c.Flags().BoolVar(&f.allowZero, "allow-zero-adapter", false, "take an adapter that changes nothing, whose B is all zero")
}

// none tells whether no adapter was asked for.
func (f *adapterFlags) none() bool { return len(f.given) == 0 }

// one is the only adapter, which has no dial of its own.
func (f *adapterFlags) one() (dir string, ok bool) {
	if len(f.given) != 1 {
		return "", false
	}
	dir, dial := dialOf(f.given[0])
	return dir, dial == 1
}

// dialOf splits DIR@λ. A directory of that very name is one.
func dialOf(given string) (dir string, dial float64) {
	i := strings.LastIndexByte(given, '@')
	if i <= 0 {
		return given, 1
	}
	dial, err := strconv.ParseFloat(given[i+1:], 64)
	if err != nil || math.IsNaN(dial) || math.IsInf(dial, 0) {
		return given, 1
	}
	if _, err := os.Stat(given); err == nil {
		return given, 1
	}
	return given[:i], dial
}

// attach loads the adapters and attaches them to m, summed; nil when none was
// asked for.
func (f *adapterFlags) attach(m *model.Model, warn func(string)) (*model.Adapter, error) {
	var parts []model.Dialled
	for _, g := range f.given {
		dir, dial := dialOf(g)
		a, err := attachDir(m, dir, f.allowZero, warn)
		if err != nil {
			return nil, err
		}
		parts = append(parts, model.Dialled{Adapter: a, Dial: dial})
	}
	return sum(parts)
}

// sum is one adapter as it is, or several combined; nil for none.
func sum(parts []model.Dialled) (*model.Adapter, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	if len(parts) == 1 && parts[0].Dial == 1 {
		return parts[0].Adapter, nil
	}
	a, err := model.Combine(parts...)
	return a, refused(err)
}

func attachDir(m *model.Model, dir string, allowZero bool, warn func(string)) (*model.Adapter, error) {
	l, err := lora.Load(dir)
	if err != nil {
		return nil, refused(seriesHint(dir, err))
	}
	a, err := m.Attach(l, model.AttachOptions{AllowZero: allowZero})
	if err != nil {
		return nil, refused(err)
	}
	for _, w := range a.Warnings() {
		warn(strings.TrimSpace(w))
	}
	return a, nil
}

// lambdaFlag adds --lambda, whose default help would print with six digits.
func lambdaFlag(f *pflag.FlagSet, to *[]float64) {
	f.Float64SliceVar(to, "lambda", []float64{1}, "`dials` on the adapter's scale")
	f.Lookup("lambda").DefValue = "1"
}
