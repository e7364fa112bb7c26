package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"agar/model/lora"
	"agar/model/safetensors"
)

// save writes a checkpoint under a temporary name, renames it when it is whole, and
// then notes what a later run needs to go on from it.
func (t *trainer) save(dir string) error {
	tmp := dir + ".tmp"
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o777)); err != nil {
		return err
	}
	if err := t.s.save(tmp); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(tmp, "trainer_state.json"), t.state()); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return t.remember()
}

// state is trainer_state.json as transformers' Trainer writes it.
func (t *trainer) state() map[string]any {
	last := t.log[len(t.log)-1]
	return map[string]any{
		"best_metric": nil, "best_model_checkpoint": nil, "epoch": last.Epoch, "global_step": last.Step, "is_hyper_param_search": false,
		"is_local_process_zero": true, "is_world_process_zero": true, "log_history": t.log, "logging_steps": 1, "max_steps": t.steps,
		"num_train_epochs": (t.steps + t.c.perEpoch(len(t.data)) - 1) / t.c.perEpoch(len(t.data)), "save_steps": max(t.c.SaveEach, 1),
		"train_batch_size": t.c.Batch, "total_flos": 0, "trial_name": nil, "trial_params": nil,
	}
}

// save writes adapter_config.json and adapter_model.safetensors as PEFT does; of a
// steering vector, for which PEFT has no form, steering_vector.pt as the published
// training code does.
func (s *loraSubject) save(dir string) error {
	c := s.l.Config
	if m := &s.l.Modules[0]; m.Kind == lora.Steering {
		return writeFile(filepath.Join(dir, lora.SteeringFile), func(w io.Writer) error { return lora.WriteSteering(w, m) })
	}
	var layers []int
	var modules []string
	for i := range s.l.Modules {
		layers, modules = append(layers, s.l.Modules[i].Layer), append(modules, s.l.Modules[i].Proj)
	}
	slices.Sort(layers)
	slices.Sort(modules)
	layers, modules = slices.Compact(layers), slices.Compact(modules)
	config := map[string]any{
		"base_model_name_or_path": c.BaseModel, "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
		"layers_pattern": nil, "layers_to_transform": layers, "lora_alpha": c.Alpha, "lora_dropout": 0.0, "modules_to_save": nil,
		"peft_type": "LORA", "r": c.R, "rank_pattern": map[string]int{}, "alpha_pattern": map[string]float64{}, "revision": nil,
		"target_modules": modules, "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": c.RSLoRA,
	}
	if len(layers) == s.m.Spec.Layers {
		config["layers_to_transform"] = nil
	}
	if err := writeJSON(filepath.Join(dir, "adapter_config.json"), config); err != nil {
		return err
	}
	return writeTensors(filepath.Join(dir, "adapter_model.safetensors"), values(s.ps))
}

// save writes model.safetensors and copies what else a model directory holds.
func (s *fullSubject) save(dir string) error {
	var out []safetensors.Out
	for i, p := range s.ps {
		out = append(out, safetensors.Out{Name: p.name, Shape: p.shape, F32: s.p.Stored(s.p.List[i])})
	}
	if err := writeTensors(filepath.Join(dir, "model.safetensors"), out); err != nil {
		return err
	}
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"} {
		data, err := os.ReadFile(filepath.Join(s.m.Dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// values are the parameters as tensors to write.
func values(ps []*parameter) (out []safetensors.Out) {
	for _, p := range ps {
		out = append(out, safetensors.Out{Name: p.name, Shape: p.shape, F32: p.value})
	}
	return out
}

func writeTensors(path string, ts []safetensors.Out) error {
	return writeFile(path, func(w io.Writer) error { return safetensors.Write(w, ts, map[string]string{"format": "pt"}) })
}

func writeJSON(path string, v any) error {
	return writeFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

// writeFile writes a file whole: under a temporary name, synced, renamed.
func writeFile(path string, fill func(io.Writer) error) (err error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, os.Remove(path+".tmp")))
	}
	return os.Rename(path+".tmp", path)
}
