package main

import (
	"errors"

	"github.com/spf13/cobra"

	"agar/tui"
)

// screenFlags say how the terminal is drawn.
type screenFlags struct {
	theme, symbols, color string
	screenReader          bool
}

func (f *screenFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.theme, "theme", "auto", "auto, viridis-dark, viridis-light, high-contrast, mono or deuter")
	c.Flags().StringVar(&f.symbols, "symbols", "auto", "auto, braille, block or ascii")
	c.Flags().StringVar(&f.color, "color", "auto", "auto, always, 256, 16 or never")
	c.Flags().BoolVar(&f.screenReader, "screen-reader", false, "print every panel as lines instead of drawing")
}

func (f *screenFlags) options(c *cobra.Command) tui.Options {
	return tui.Options{Theme: f.theme, Symbols: f.symbols, Color: f.color, ScreenReader: f.screenReader}
}

func newTUI() *cobra.Command {
	var f screenFlags
	c := &cobra.Command{
		Use:   "tui [PATH…]",
		Short: "explore features and phase transitions in the terminal",
		Long: `Opens runs, behaviour, feature indexes, dictionaries and captures; PATHs are told apart by
their content, and one may hold several of them. Without a PATH it opens what
lies in the current directory. ? lists the keys, i says where a number comes from.`,
		Example: "  agar tui RUN index\n  agar tui RUN JUDGED\n  agar tui --screen-reader RUN",
		RunE: func(c *cobra.Command, args []string) error {
			o := f.options(c)
			if o.Paths = args; len(args) == 0 {
				o.Paths = []string{"."}
			}
			return tuiCode(tui.Run(c.Context(), o))
		},
	}
	f.add(c)
	return c
}

// tuiCode marks an error about a path or a flag with the exit code for it.
func tuiCode(err error) error {
	var in *tui.InputError
	switch {
	case !errors.As(err, &in):
		return err
	case in.Option:
		return withCode(exitUsage, err)
	}
	return refused(err)
}
