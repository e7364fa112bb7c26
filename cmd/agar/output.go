package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"strings"
	"time"

	bar "github.com/charmbracelet/bubbles/progress"
	"github.com/charmbracelet/log"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agar/model/progress"
)

// printJSON writes v as one indented object.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// commandLine is the command as it was given, with its flags in one fixed
// form, so that equal settings leave equal manifests.
func commandLine(c *cobra.Command) []string {
	out := strings.Fields(c.CommandPath())
	out = append(out, c.Flags().Args()...)
	c.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(pflag.SliceValue); ok {
			out = append(out, "--"+f.Name+"="+strings.Join(v.GetSlice(), ","))
			return
		}
		if f.Value.Type() == "bool" && f.Value.String() == "true" {
			out = append(out, "--"+f.Name)
			return
		}
		out = append(out, "--"+f.Name+"="+f.Value.String())
	})
	return out
}

// isTerminal says whether w is a terminal that a person looks at.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// reporter shows the progress of a long job on standard error: one line that
// redraws itself on a terminal, a log line now and then anywhere else.
type reporter struct {
	w     io.Writer
	tty   bool
	bar   bar.Model
	log   *slog.Logger
	every time.Duration
	last  time.Time
	stage string
	drawn bool
}

func newReporter(c *cobra.Command) *reporter {
	w := c.ErrOrStderr()
	r := &reporter{w: w, tty: isTerminal(w), every: 5 * time.Second}
	r.log = slog.New(log.NewWithOptions(w, log.Options{ReportTimestamp: true}))
	if r.tty {
		r.every = 100 * time.Millisecond
		r.bar = bar.New(bar.WithWidth(28), bar.WithSolidFill("6"))
	}
	return r
}

// report is the progress.Func of the reporter.
func (r *reporter) report(e progress.Event) {
	if e.Stage == "plan" {
		return // printed as a line of its own
	}
	done := e.Total > 0 && e.Step >= e.Total
	if e.Stage == r.stage && !done && time.Since(r.last) < r.every {
		return
	}
	r.last, r.stage = time.Now(), e.Stage
	if !r.tty {
		r.log.Info(headline(e), attrs(e)...)
		return
	}
	r.drawn = true
	line := headline(e)
	if f, ok := e.Fraction(); ok {
		line += "  " + r.bar.ViewAs(f)
	}
	fmt.Fprintf(r.w, "\r\x1b[K%s  %s", line, figures(e))
}

// line prints one line that stays.
func (r *reporter) line(s string) {
	if !r.tty {
		r.log.Info(s)
		return
	}
	r.close()
	fmt.Fprintln(r.w, s)
}

// close ends the line that a terminal shows.
func (r *reporter) close() {
	if r.drawn {
		fmt.Fprint(r.w, "\r\x1b[K")
		r.drawn = false
	}
}

func headline(e progress.Event) string {
	parts := []string{}
	for _, s := range []string{e.Job, e.Stage} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	return strings.Join(parts, " · ")
}

func attrs(e progress.Event) []any {
	a := []any{"step", e.Step}
	if e.Total > 0 {
		a = append(a, "of", e.Total)
	}
	if e.Unit != "" {
		a = append(a, "unit", e.Unit)
	}
	for _, k := range sortedKeys(e.Values) {
		a = append(a, k, fmt.Sprintf("%.4g", e.Values[k]))
	}
	return a
}

func figures(e progress.Event) string {
	parts := []string{fmt.Sprintf("%d %s", e.Step, e.Unit)}
	for _, k := range sortedKeys(e.Values) {
		parts = append(parts, fmt.Sprintf("%s %.4g", k, e.Values[k]))
	}
	return strings.Join(parts, "  ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
