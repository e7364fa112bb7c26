package parity

import (
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

//go:embed reference.py
var reference string

// ScriptOptions says what the script dumps. Zero values take the script's own
// defaults.
type ScriptOptions struct {
	Model   string // a directory, or a name on the hub
	Adapter string // a PEFT adapter directory; "" for the base alone
	Out     string // the file to write
	DType   string // float32, bfloat16 or float16
	Rows    int    // of each prompt, the last ones
	Long    int    // tokens of the long prompt; negative for none
}

// settings is the part of the script that holds them.
const settingsStart, settingsEnd = "# --- settings\n", "# --- end of settings\n"

// Script writes the program that makes a dump of a model with transformers and
// PEFT: reference.py with its settings filled in.
func Script(w io.Writer, o ScriptOptions) error {
	if o.Model == "" {
		return errors.New("parity: script: expected a model")
	}
	switch o.DType {
	case "", "float32", "bfloat16", "float16":
	default:
		return fmt.Errorf("parity: script: found dtype %q, expected float32, bfloat16 or float16", o.DType)
	}
	if o.Rows < 0 {
		return fmt.Errorf("parity: script: found %d rows, expected a positive number", o.Rows)
	}
	head, rest, _ := strings.Cut(reference, settingsStart)
	lines, tail, ok := strings.Cut(rest, settingsEnd)
	if !ok {
		return errors.New("parity: script: the settings are not marked")
	}
	for name, v := range o.set() {
		if err := assign(&lines, name, v); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, head+settingsStart+lines+settingsEnd+tail)
	return err
}

// set is what differs from the script's defaults.
func (o *ScriptOptions) set() map[string]any {
	v := map[string]any{"MODEL": o.Model}
	for name, s := range map[string]string{"ADAPTER": o.Adapter, "OUT": o.Out, "DTYPE": o.DType} {
		if s != "" {
			v[name] = s
		}
	}
	if o.Rows > 0 {
		v["ROWS"] = o.Rows
	}
	if o.Long != 0 {
		v["LONG"] = max(o.Long, 0)
	}
	return v
}

// assign replaces the value of a line NAME = value  # comment. JSON's strings and
// numbers are Python's.
func assign(lines *string, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	all := strings.Split(*lines, "\n")
	for i, line := range all {
		if !strings.HasPrefix(line, name+" = ") {
			continue
		}
		_, comment, _ := strings.Cut(line, "  #")
		all[i] = name + " = " + string(b) + "  #" + comment
		*lines = strings.Join(all, "\n")
		return nil
	}
	return fmt.Errorf("parity: script: it has no setting %s", name)
}
