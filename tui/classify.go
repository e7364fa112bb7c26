package tui

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agar/activations/manifest"
	"agar/model/behaviour"
	"agar/phase"
)

// maxEntries bounds how much of a directory of artefacts is looked at.
const maxEntries = 256

// expected is what a path can be.
const expected = "expected a fine-tune (checkpoint-N), phase.arrow, trajectory.arrow, behaviour (behaviour.json), a feature index or capture (manifest.json), or an SAE (cfg.json)"

// classifier tells paths by their content. Tables that had to be read for it are
// kept.
type classifier struct {
	w    Workspace
	read map[string]any // *phase.Report, *phase.Trajectory by path
}

// classify adds what paths hold to the workspace.
func (c *classifier) classify(paths []string) error {
	for _, p := range paths {
		found, err := c.add(p)
		if err == nil && !found {
			found, err = c.addEntries(p)
		}
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("tui: %s: found %s, %s", p, contents(p), expected)
		}
	}
	return nil
}

// add puts path into its place; found is false when it is none of the known
// things.
func (c *classifier) add(path string) (found bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("tui: %s: found nothing there, %s", path, expected)
	}
	if err != nil {
		return false, fmt.Errorf("tui: %w", err)
	}
	if !info.IsDir() {
		return c.addFile(path)
	}
	switch {
	case exists(path, behaviour.CurveFile) && !hasCheckpoints(path):
		return true, c.w.set(kindJudged, path)
	case exists(path, manifest.Name) && !hasCheckpoints(path):
		return true, c.addManifest(path)
	case exists(path, "cfg.json"):
		return true, c.w.set(kindSAE, path)
	case hasCheckpoints(path): // also one that agar bred, which has a manifest
		if err := c.w.set(kindRun, path); err != nil {
			return true, err
		}
		for _, name := range []string{"phase.arrow", "trajectory.arrow"} {
			if exists(path, name) {
				if _, err := c.addFile(filepath.Join(path, name)); err != nil {
					return true, err
				}
			}
		}
		return true, nil
	}
	return false, nil
}

// addManifest takes a directory by the format in its manifest.
func (c *classifier) addManifest(dir string) error {
	m, err := manifest.Read(dir, "")
	if err != nil {
		return fmt.Errorf("tui: %s: %w", dir, err)
	}
	for _, f := range []struct{ format, kind string }{{manifest.Capture, kindCapture}, {manifest.Features, kindFeatures}} {
		name, _, _ := strings.Cut(f.format, "/")
		if strings.HasPrefix(m.Format, name+"/") {
			return c.w.set(f.kind, dir)
		}
	}
	return fmt.Errorf("tui: %s: found format %q in %s, expected %s or %s", dir, m.Format, manifest.Name, manifest.Capture, manifest.Features)
}

// addFile takes an Arrow file by its schema.
func (c *classifier) addFile(path string) (bool, error) {
	rep, err := phase.ReadReport(path)
	if err == nil {
		c.read[path] = rep
		return true, c.w.set(kindReport, path)
	}
	if !errors.Is(err, phase.ErrFormat) {
		return false, fmt.Errorf("tui: %w", err)
	}
	t, terr := phase.ReadTrajectory(path)
	if terr == nil {
		c.read[path] = t
		return true, c.w.set(kindTrajectory, path)
	}
	switch filepath.Base(path) { // files of these names are nothing else
	case "phase.arrow":
		return false, fmt.Errorf("tui: %w", err)
	case "trajectory.arrow":
		return false, fmt.Errorf("tui: %w", terr)
	}
	return false, nil
}

// addEntries takes every known thing that lies directly in dir.
func (c *classifier) addEntries(dir string) (found bool, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, fmt.Errorf("tui: %w", err)
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries)
	if err != nil {
		return false, nil // a file, or nothing in it
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) != ".arrow" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		one, err := c.add(filepath.Join(dir, e.Name()))
		if err != nil {
			return true, err
		}
		found = found || one
	}
	return found, nil
}

// set refuses a second thing of a kind.
func (w *Workspace) set(kind, path string) error {
	at := w.field(kind)
	if *at != "" && *at != path {
		return fmt.Errorf("tui: found two of a kind, %s and %s, expected one %s", *at, path, kind)
	}
	*at = path
	return nil
}

func (w *Workspace) field(kind string) *string {
	return map[string]*string{
		kindRun: &w.Run, kindReport: &w.Report, kindTrajectory: &w.Trajectory,
		kindFeatures: &w.Features, kindSAE: &w.SAE, kindCapture: &w.Capture, kindJudged: &w.Judged,
	}[kind]
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func hasCheckpoints(dir string) bool {
	for _, pattern := range []string{"checkpoint-*", filepath.Join("checkpoints", "checkpoint-*")} {
		if m, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern)); err == nil && len(m) > 0 {
			return true
		}
	}
	return false
}

// escapeGlob takes the meaning of a pattern from the characters of a path.
func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // Windows has no escape; its paths rarely hold brackets
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// contents says in a few words what lies at path.
func contents(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err.Error()
	case filepath.Ext(path) == ".gguf":
		return "a model (agar model inspect)"
	case !info.IsDir():
		return fmt.Sprintf("a file of %s bytes", count(info.Size()))
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrPermission) {
		return "a directory that can not be read"
	}
	if len(entries) == 0 {
		return "an empty directory"
	}
	names := make([]string, 0, 4)
	for _, e := range entries[:min(len(entries), 4)] {
		names = append(names, e.Name())
	}
	s := "a directory with " + strings.Join(names, ", ")
	if len(entries) > 4 {
		s += fmt.Sprintf(" and %d more", len(entries)-4)
	}
	switch {
	case exists(path, "adapter_config.json"):
		s += " (one checkpoint; its run is the directory above it)"
	case exists(path, "config.json"):
		s += " (a model: agar model inspect)"
	}
	return s
}
