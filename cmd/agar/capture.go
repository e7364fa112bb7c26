package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/lora"
)

type captureOptions struct {
	adapter    adapterFlags
	template   templateFlags
	data       string
	hooks      []string
	out        string
	lambda     float64
	difference bool
	ctx        int
	tokens     int64
	dtype      string
	chat       bool
	shardRows  int64
	resume     bool
	force      bool
	verify     string
	emit       bool
	json       bool

	used map[string]any // what the chat template was given
}

func newCapture() *cobra.Command {
	var o captureOptions
	c := &cobra.Command{
		Use:   "capture MODEL --data FILE --hooks H[,H…] --out DIR",
		Short: "store a model's activations on a text, with everything about where they came from",
		Long: `Runs the model over a text and stores what the hooks read as Arrow files, with
token ids, document, window, position and role of every row. FILE is JSONL with
"text", "messages" or "tokens" on each line, or plain text; - is standard input.
No token attends across documents. A killed capture goes on with --resume and
ends byte-identical.`,
		Example: `  agar capture MODEL --data text.jsonl --hooks blocks.15.hook_resid_post --out store
  agar capture MODEL --data text.jsonl --adapter RUN/checkpoint-190 --difference --hooks blocks.21.hook_resid_post --out store
  agar capture --verify store
  agar capture MODEL --emit-script --adapter RUN --data text.jsonl --hooks blocks.21.hook_resid_post --out store > capture.py`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runCapture(c, args, o) },
	}
	o.adapter.add(c)
	o.template.add(c)
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "the text, JSONL or plain `FILE`, - for standard input")
	f.StringSliceVar(&o.hooks, "hooks", nil, "what to read, such as blocks.15.hook_resid_post")
	f.StringVar(&o.out, "out", "", "`DIR` to write")
	f.Float64Var(&o.lambda, "lambda", 1, "dial on the adapter's scale")
	f.BoolVar(&o.difference, "difference", false, "store HOOK@ADAPTER-base beside each hook, taken in float32 before rounding")
	f.IntVar(&o.ctx, "ctx", activations.DefaultContext, "tokens of a window; longer documents are cut into windows that start anew")
	f.Int64Var(&o.tokens, "tokens", 0, "stop after the document that reaches this many tokens, 0 for all")
	f.StringVar(&o.dtype, "dtype", "auto", "auto, f16 or f32")
	f.BoolVar(&o.chat, "chat", false, "a text is what a user says: put it through the chat template")
	f.Int64Var(&o.shardRows, "shard-rows", activations.DefaultShardRows, "rows after which a shard closes, at a document's end")
	f.BoolVar(&o.resume, "resume", false, "go on where an unfinished capture stopped")
	f.BoolVar(&o.force, "force", false, "resume although the kernel path or the version differs")
	f.StringVar(&o.verify, "verify", "", "re-read and check the store in `DIR`")
	f.BoolVar(&o.emit, "emit-script", false, "print a transformers + PEFT script that writes the same store elsewhere")
	f.BoolVar(&o.json, "json", false, "print one object")
	c.AddCommand(newCaptureImport())
	return c
}

func runCapture(c *cobra.Command, args []string, o captureOptions) error {
	switch {
	case o.verify != "":
		return runVerify(c, o)
	case o.emit && o.template.given():
		return usagef("agar capture: --emit-script has no --date, --thinking, --tools or --chat-var; render the conversations first")
	case o.emit:
		return emitScript(c, args, o)
	case len(args) != 1:
		return usagef("agar capture: accepts 1 arg(s), a model; received %d; see 'agar capture --help'", len(args))
	case o.data == "" || o.out == "" || len(o.hooks) == 0:
		return usagef("agar capture: --data, --hooks and --out are needed; see 'agar capture --help'")
	case o.resume && o.data == "-":
		return usagef("agar capture: --resume reads the data again, which standard input cannot; give a file")
	}
	if err := cmp.Or(o.check(), outDirectory("--out", o.out)); err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	rep, err := capture(c, args[0], o, r)
	if errors.Is(err, activations.ErrNoDocuments) {
		err = fmt.Errorf("%s: %w", o.data, err)
	}
	if err != nil {
		return err
	}
	r.close()
	return printCaptured(c.OutOrStdout(), rep, o.json)
}

// check refuses settings that no model and no data could make sense of.
func (o captureOptions) check() error {
	switch d := activations.DType(o.dtype); {
	case d != activations.Auto && d.Size() == 0:
		return usagef("agar capture: found --dtype %q, expected auto, f16 or f32", o.dtype)
	case o.ctx < 1 || o.tokens < 0 || o.shardRows < 1:
		return usagef("agar capture: found --ctx %d, --tokens %d, --shard-rows %d, expected at least 1, 0 and 1", o.ctx, o.tokens, o.shardRows)
	case o.difference && o.adapter.none():
		return usagef("agar capture: --difference needs --adapter")
	}
	for i, h := range o.hooks {
		if slices.Contains(o.hooks[:i], h) {
			return usagef("agar capture: --hooks names %s twice", h)
		}
	}
	return nil
}

// fit holds the window to the positions that the model was made for: a default
// window shrinks, one that was asked for is refused.
func (o *captureOptions) fit(m *model.Model, asked bool) error {
	if o.ctx <= m.Spec.MaxPos {
		return nil
	}
	if asked {
		return usagef("agar capture: found --ctx %d, expected at most the %d positions of %s", o.ctx, m.Spec.MaxPos, m.Name)
	}
	o.ctx = m.Spec.MaxPos
	return nil
}

// capture opens everything and runs.
func capture(c *cobra.Command, name string, o captureOptions, r *reporter) (*activations.CaptureReport, error) {
	m, err := openModel(name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := o.fit(m, c.Flags().Changed("ctx")); err != nil {
		return nil, err
	}
	a, err := o.adapter.attach(m, warner(c))
	if err != nil {
		return nil, err
	}
	for _, h := range o.hooks {
		if _, err := m.Hook(strings.TrimSuffix(h, "@base"), a); err != nil {
			return nil, refused(err)
		}
	}
	if o.used, err = o.template.apply(c, m); err != nil {
		return nil, err
	}
	docs, err := activations.OpenDocuments(o.data, m.Tokenizer, m.Chat, activations.DocumentOptions{Chat: o.chat, Stdin: c.InOrStdin()})
	if err != nil {
		return nil, refused(err)
	}
	defer docs.Close()
	co, err := o.configure(c, m, a, docs)
	if err != nil {
		return nil, err
	}
	co.Progress = r.report
	co.Planned = func(p activations.Plan) error { r.plan(p); return nil }
	restore := func() {}
	co.MemoryPlanned = func(m activations.Memory) { restore = holdMemory(m.Own()) }
	defer func() { restore() }()
	return activations.Capture(c.Context(), activations.NewRunner(m, a, float32(o.lambda)), checkedDocuments{docs}, co)
}

// configure fills in what a capture writes into its manifest.
func (o captureOptions) configure(c *cobra.Command, m *model.Model, a *model.Adapter, docs *activations.File) (activations.CaptureOptions, error) {
	co := activations.CaptureOptions{
		Dir: o.out, Hooks: o.hooks, Difference: o.difference, Context: o.ctx, Tokens: o.tokens, DType: activations.DType(o.dtype),
		ShardRows: o.shardRows, Resume: o.resume, Force: o.force, Command: commandLine(c), Config: map[string]any{"chat": o.chat},
		Version: version(), Kernel: model.Kernel(), Data: docs.Ref(),
		Special: m.Tokenizer.Specials(), Prefix: m.Tokenizer.Prefix(),
	}
	maps.Copy(co.Config, o.used)
	var err error
	if co.Model, err = modelRef(m); err != nil {
		return co, refused(err)
	}
	co.Tokenizer = manifest.Ref{Path: co.Model.Path, SHA256: m.Tokenizer.SHA256()}
	if a != nil {
		co.Adapter = adapterRef(a, o.lambda)
	}
	return co, nil
}

// modelRef names a model and hashes its weights: a file, or files of its directory.
func modelRef(m *model.Model) (manifest.Ref, error) {
	if len(m.Files) == 1 && m.Files[0] == m.Dir {
		r, err := manifest.RefOf(m.Dir)
		r.Name = m.Name
		return r, err
	}
	var names []string
	for _, f := range m.Files {
		names = append(names, filepath.Base(f))
	}
	r, err := manifest.RefOf(filepath.Dir(m.Files[0]), names...)
	if err != nil {
		return r, err
	}
	r.Name = m.Name
	r.Path, err = filepath.Abs(m.Dir) // of a split file, its first part
	return r, err
}

func adapterRef(a *model.Adapter, lambda float64) manifest.Ref {
	var refs []manifest.Ref
	for _, p := range a.Parts() {
		refs = append(refs, partRef(p, lambda))
	}
	for _, w := range a.Warnings() {
		refs[0].Note = w
	}
	refs[0].With = refs[1:]
	return refs[0]
}

func partRef(p model.Part, lambda float64) manifest.Ref {
	l, dial := p.LoRA, p.Dial*lambda
	dir, err := filepath.Abs(l.Dir)
	if err != nil {
		dir = l.Dir
	}
	r := manifest.Ref{Path: dir, Name: filepath.Base(dir), SHA256: l.SHA256, Lambda: &dial}
	if l.ConfigSHA256 != "" {
		r.Files = map[string]string{lora.ConfigFile: l.ConfigSHA256, filepath.Base(l.File): l.SHA256}
	}
	return r
}

// inputError is an error in the data that a command was given.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// checkedDocuments marks errors of the data as errors of the input.
type checkedDocuments struct{ *activations.File }

func (d checkedDocuments) Next() (activations.Document, error) {
	doc, err := d.File.Next()
	if err != nil && err != io.EOF {
		return doc, &inputError{dateHint(err)}
	}
	return doc, err
}

// plan says what a capture is going to need.
func (r *reporter) plan(p activations.Plan) {
	line := fmt.Sprintf("plan: %s, %d bytes a row", p.DType, p.BytesPerRow)
	if p.Rows > 0 {
		line += fmt.Sprintf(", about %d rows, %.1f MB to write", p.Rows, float64(p.Bytes)/1e6)
	}
	if p.FreeBytes >= 0 {
		line += fmt.Sprintf(", %.1f GB free", float64(p.FreeBytes)/1e9)
	}
	line += p.Memory.String()
	if d := p.Duration(); d > 0 {
		line += fmt.Sprintf(", about %s at %.0f tokens/s", d.Round(time.Second), p.TokensPerSec)
	}
	r.line(line)
}

func printCaptured(w io.Writer, r *activations.CaptureReport, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	rate := "nothing was left to do"
	if r.TokensPerSec != nil {
		rate = fmt.Sprintf("%.0f tokens/s", *r.TokensPerSec)
	}
	_, err := fmt.Fprintf(w, "%s: %d tokens of %d documents (%d empty), %s, %d shards, %.1f MB, %s\n",
		r.Out, r.Tokens, r.Documents, r.Empty, r.DType, r.Shards, float64(r.Bytes)/1e6, rate)
	return err
}

// storeModel opens the model that a capture was made with, and its adapter, or
// the one a user names instead; without either it says why there is none.
func storeModel(c *cobra.Command, man manifest.Manifest, override string) (*model.Model, *model.Adapter, float32, error) {
	path := override
	if path == "" {
		path = man.Model.Path
	}
	if path == "" {
		return nil, nil, 0, fmt.Errorf("the capture names no model; give --model")
	}
	m, err := openModel(path)
	if err != nil {
		return nil, nil, 0, err
	}
	if man.Adapter.Path == "" {
		return m, nil, 0, nil
	}
	a, lambda, err := storeAdapter(m, man.Adapter, warner(c))
	if err != nil {
		m.Close()
		return nil, nil, 0, err
	}
	return m, a, lambda, nil
}

// storeAdapter attaches the adapters that a capture was made with, after checking
// that they are the same files. The dial is that of a lone adapter; of several
// each has its own.
func storeAdapter(m *model.Model, ref manifest.Ref, warn func(string)) (*model.Adapter, float32, error) {
	var parts []model.Dialled
	for _, r := range append([]manifest.Ref{ref}, ref.With...) {
		a, err := attachDir(m, r.Path, true, warn)
		if err != nil {
			return nil, 0, err
		}
		if l := a.LoRA(); l.SHA256 != r.SHA256 {
			return nil, 0, fmt.Errorf("adapter %s: found hash %.12s, the capture was made with %.12s", r.Path, l.SHA256, r.SHA256)
		} else if was := r.Files[lora.ConfigFile]; was != "" && was != l.ConfigSHA256 {
			return nil, 0, fmt.Errorf("adapter %s: found %s with hash %.12s, the capture was made with %.12s", r.Path, lora.ConfigFile, l.ConfigSHA256, was)
		}
		dial := 1.0
		if r.Lambda != nil {
			dial = *r.Lambda
		}
		parts = append(parts, model.Dialled{Adapter: a, Dial: dial})
	}
	if len(parts) == 1 {
		return parts[0].Adapter, float32(parts[0].Dial), nil
	}
	a, err := model.Combine(parts...)
	return a, 1, err
}
